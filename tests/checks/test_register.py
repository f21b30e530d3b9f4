from __future__ import annotations

from typing import Any

from tests.checks.conftest import FINE, declare, found


def test_what_is_fine_is_fine(settings: Any) -> None:
    declare(settings, FINE)
    assert found(deploy=True) == {}
