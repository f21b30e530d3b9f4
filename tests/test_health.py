from __future__ import annotations

import socket
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from django_minio_backend import MinioBackend, health
from django_minio_backend.utils import MinioServerStatus
from tests.conftest import Buckets, Recorder
from tests.hostile import Answer, closed_port, hostile, storage_at


def test_a_server_that_answers_is_available(buckets: Buckets, recorder: Recorder) -> None:
    storage = MinioBackend(http_client=recorder)
    status = storage.is_minio_available()
    assert status
    assert isinstance(status, MinioServerStatus)
    assert status.details == f"MinIO is available at {storage.base_url}."
    assert len(recorder.requests) == 1


def test_a_missing_bucket_is_no_outage(buckets: Buckets) -> None:
    status = MinioBackend("no-such-bucket-here").is_minio_available()
    assert status
    assert "bucket does not exist" in status.details


def test_limited_rights_are_no_outage(
    buckets: Buckets, restricted: Callable[..., dict[str, str]]
) -> None:
    get = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::*/*"}
    assert MinioBackend(**restricted([get])).is_minio_available()


def test_a_wrong_key_is_not_available(buckets: Buckets) -> None:
    status = MinioBackend(MINIO_SECRET_KEY="not-the-secret").is_minio_available()
    assert not status
    assert status.details.startswith("MinIO answers at")
    assert "does not accept the credentials" in status.details


def test_a_wrong_region_is_not_available(buckets: Buckets) -> None:
    status = MinioBackend(MINIO_REGION="eu-north-1").is_minio_available()
    assert not status
    assert "correct MINIO_REGION" in status.details


@pytest.mark.parametrize("status", [403, 404])
def test_another_kind_of_server_is_not_available(status: int) -> None:
    with hostile(Answer(status, "<html>nothing here</html>")) as server:
        found = storage_at(server.endpoint).is_minio_available()
    assert not found
    assert "cannot be used" in found.details


def test_a_check_is_not_repeated() -> None:
    with hostile(Answer(500)) as server:
        assert not storage_at(server.endpoint, MINIO_RETRIES=3).is_minio_available()
        assert len(server.requests) == 1


def test_a_server_that_is_down_is_not_available() -> None:
    with closed_port() as endpoint:
        status = storage_at(endpoint, MINIO_RETRIES=3).is_minio_available()
    assert not status
    assert "could not be reached" in status.details


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        storage = storage_at(f"127.0.0.1:{silent.getsockname()[1]}")
        status = health.check(storage.s3, storage.options, timeout=0.1)
    assert not status
    assert "timed out" in status.details


def test_the_command_names_every_alias(buckets: Buckets) -> None:
    out = StringIO()
    call_command("is_minio_available", stdout=out)
    assert out.getvalue().startswith("default: MinIO is available at http://")
    out = StringIO()
    call_command("is_minio_available", stdout=out, silenced=True)
    assert out.getvalue() == ""


def test_the_command_fails_when_one_is_down(buckets: Buckets) -> None:
    with closed_port() as endpoint:
        buckets.options["MINIO_ENDPOINT"] = endpoint
        with pytest.raises(CommandError, match="default: MinIO is NOT available"):
            call_command("is_minio_available")
