from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conftest import Buckets
from tests.hostile import closed_port


def test_django_health_check_has_a_check(buckets: Buckets) -> None:
    pytest.importorskip("health_check")
    from health_check.base import HealthCheckResult

    from django_minio_backend.health_check import MinioHealthCheck

    def result(**keywords: Any) -> HealthCheckResult:
        return asyncio.run(MinioHealthCheck(**keywords).get_result())

    assert result().error is None
    assert result(alias="default").error is None
    assert "no storage of this package" in str(result(alias="nowhere").error)
    with closed_port() as endpoint:
        buckets.change(MINIO_ENDPOINT=endpoint)
        assert "storage 'default' cannot be used" in str(result().error)
        assert endpoint not in str(result().error)
