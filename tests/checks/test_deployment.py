from __future__ import annotations

import datetime
from typing import Any

import pytest

from tests.checks.conftest import FINE, declare, found


@pytest.mark.parametrize(
    ("weak", "number", "text"),
    [
        ({"MINIO_USE_HTTPS": False}, "W005", "plain HTTP to minio.example.com"),
        (
            {"MINIO_EXTERNAL_ENDPOINT": "http://files.example.com"},
            "W005",
            "plain HTTP to files.example.com",
        ),
        ({"MINIO_SECRET_KEY": "minioadmin"}, "W006", "credentials that everybody knows"),
        ({"MINIO_URL_EXPIRY_HOURS": datetime.timedelta(days=7)}, "W007", "work for 7 days"),
    ],
)
def test_what_is_weak_in_production_is_a_warning_for_deployments(
    settings: Any, weak: dict[str, Any], number: str, text: str
) -> None:
    declare(settings, {**FINE, **weak})
    assert found() == {}
    messages = found(deploy=True)
    assert set(messages) == {number}
    assert text in messages[number]


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1:9000", "[::1]:9000", "minio:9000"])
def test_plain_http_at_home_is_fine(settings: Any, host: str) -> None:
    declare(settings, {**FINE, "MINIO_ENDPOINT": host, "MINIO_USE_HTTPS": False})
    assert found(deploy=True) == {}
