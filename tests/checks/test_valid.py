from __future__ import annotations

from typing import Any

import pytest

from tests.checks.conftest import FINE, MINIO, declare, found


@pytest.mark.parametrize(
    "broken", [{"BACKEND": "no.where"}, {}, {"BACKEND": MINIO, "OPTIONS": None}]
)
def test_what_cannot_be_made_does_not_break_the_checks(settings: Any, broken: Any) -> None:
    declare(settings, FINE)
    settings.STORAGES = {**settings.STORAGES, "broken": broken}
    assert set(found()) <= {"E002", "E003"}
