from __future__ import annotations

import datetime

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from django_minio_backend import MinioBackend
from tests.checks.conftest import found
from tests.conftest import Buckets
from tests.hostile import closed_port


def test_the_network_is_asked_by_its_tag_only(buckets: Buckets) -> None:
    assert found(tags=["minio"]) == {}
    MinioBackend(buckets.public).s3.bucket.set_policy(None)
    assert f"'{buckets.public}' of storage 'default' is not as" in found(tags=["minio"])["W008"]
    with closed_port() as endpoint:
        buckets.change(MINIO_ENDPOINT=endpoint)
        assert found() == {}
        assert found(tags=["files"]) == {}
        assert "is NOT available" in found(tags=["minio"])["E008"]
        with pytest.raises(SystemCheckError, match="is NOT available"):
            call_command("check", tags=["minio"])


def test_a_clock_that_differs_is_a_warning(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "django_minio_backend.s3.transport.Transport.clock_difference",
        datetime.timedelta(seconds=-300),
    )
    assert "clock differs by -300" in found(tags=["minio"])["W009"]
