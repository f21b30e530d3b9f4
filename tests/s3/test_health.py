from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from django_minio_backend import MinioBackend
from django_minio_backend.s3 import health
from django_minio_backend.utils import MinioServerStatus
from tests.conftest import Buckets, Recorder
from tests.hostile import Answer, closed_port, hostile, listing, s3_error, storage_at


def test_a_server_that_answers_is_available(buckets: Buckets, recorder: Recorder) -> None:
    storage = MinioBackend(http_client=recorder)
    status = storage.is_minio_available()
    assert status
    assert isinstance(status, MinioServerStatus)
    assert status.details == f"The S3 server at {storage.options.endpoint.url} is available."
    assert (status.reachable, status.authenticated, status.bucket_present) == (True, True, True)
    assert status.server == "MinIO"
    assert status.latency is not None
    assert 0 < status.latency < 3000
    assert status.clock_difference is not None
    assert abs(status.clock_difference) <= 2
    assert len(recorder.requests) == 2  # MinIO is asked for its quorum too


def test_a_missing_bucket_is_no_outage(buckets: Buckets) -> None:
    status = MinioBackend("no-such-bucket-here").is_minio_available()
    assert status
    assert status.bucket_present is False
    assert "bucket does not exist" in status.details


def test_limited_rights_are_no_outage(
    buckets: Buckets, restricted: Callable[..., dict[str, str]]
) -> None:
    get = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::*/*"}
    status = MinioBackend(**restricted([get])).is_minio_available()
    assert status
    assert status.bucket_present is None


def test_a_wrong_key_is_not_available(buckets: Buckets) -> None:
    status = MinioBackend(MINIO_SECRET_KEY="not-the-secret").is_minio_available()
    assert not status
    assert (status.reachable, status.authenticated, status.bucket_present) == (True, False, None)
    assert "answers, but cannot be used. " in status.details
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
    assert found.reachable
    assert not found.authenticated


def test_a_check_is_not_repeated() -> None:
    with hostile(Answer(500)) as server:
        assert not storage_at(server.endpoint, MINIO_RETRIES=3).is_minio_available()
        assert len(server.requests) == 1


def test_a_server_that_is_down_is_not_available() -> None:
    with closed_port() as endpoint:
        status = storage_at(endpoint, MINIO_RETRIES=3).is_minio_available()
    assert not status
    assert "could not be reached" in status.details
    assert not status.reachable
    assert (status.latency, status.clock_difference, status.server) == (None, None, "")


@pytest.mark.parametrize("first", ["socket", "thread"])
def test_a_server_that_never_answers_is_given_up(
    first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of the two limits comes first, the message is the same."""
    limited = partial(health._run_within, 30 if first == "socket" else 0.05)
    monkeypatch.setattr(health, "_run_within", lambda seconds, work: limited(work))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        storage = storage_at(f"127.0.0.1:{silent.getsockname()[1]}")
        status = health.check(storage.s3, timeout=0.1)
    assert not status
    assert "does not answer within 0.1 s" in status.details


def test_a_clock_that_differs_is_measured() -> None:
    with hostile(Answer(200, "<ListBucketResult/>")) as server:
        server.clock_ahead = 100
        status = storage_at(server.endpoint).is_minio_available()
    assert status.clock_difference is not None
    assert 95 <= status.clock_difference <= 100


def test_the_command_prints_json(buckets: Buckets) -> None:
    out = StringIO()
    call_command("is_minio_available", json=True, stdout=out)
    found = json.loads(out.getvalue())["default"]
    assert found["is_available"]
    assert found["server"] == "MinIO"
    with closed_port() as endpoint:
        buckets.change(MINIO_ENDPOINT=endpoint)
        out = StringIO()
        with pytest.raises(CommandError):
            call_command("is_minio_available", json=True, stdout=out)
    assert not json.loads(out.getvalue())["default"]["reachable"]


def test_a_server_that_has_not_started_is_waited_for() -> None:
    with hostile(s3_error(503, "XMinioServerNotInitialized")) as server:
        status = storage_at(server.endpoint).is_minio_available()
    assert status.reachable
    assert not status.is_up


def test_storages_of_one_alias_are_told_apart(buckets: Buckets, settings: Any) -> None:
    with closed_port() as endpoint:
        down = {**buckets.options, "MINIO_ENDPOINT": endpoint}
        backend = settings.STORAGES["default"]["BACKEND"]
        settings.STORAGES = {
            "default": {"BACKEND": backend, "OPTIONS": buckets.options},
            "docs": {"BACKEND": backend, "OPTIONS": {**down, "storage_name": "default"}},
        }
        with pytest.raises(CommandError, match=r"docs: .* is NOT available"):
            call_command("is_minio_available", stdout=StringIO())


def test_credentials_that_cannot_be_found_are_not_available(buckets: Buckets) -> None:
    status = MinioBackend(MINIO_CREDENTIALS="no.where").is_minio_available()
    assert not status
    assert "MINIO_CREDENTIALS" in status.details


def test_storages_are_asked_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        storages = [storage_at(f"127.0.0.1:{silent.getsockname()[1]}") for _ in range(10)]
        began = time.monotonic()
        found = health.check_all({str(id(one)): one.s3 for one in storages}, timeout=0.3)
    assert time.monotonic() - began < 2.5
    assert len(found) == 10
    assert not any(found.values())


def test_a_dripping_server_is_given_up_in_time() -> None:
    done = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with suppress(OSError), connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not done.wait(0.05):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        storage = storage_at(f"127.0.0.1:{listener.getsockname()[1]}")
        began = time.monotonic()
        status = health.check(storage.s3, timeout=0.5)
        assert time.monotonic() - began < 1.5
        done.set()
        thread.join(5)
    assert not status
    assert "does not answer within" in status.details


@pytest.mark.parametrize(("answer", "quorum"), [(200, True), (503, False), (404, None)])
def test_a_cluster_without_write_quorum_is_told(answer: int, quorum: bool | None) -> None:
    with hostile(listing(), Answer(answer)) as server:
        status = storage_at(server.endpoint).is_minio_available()
        assert server.requests[1] == "GET /minio/health/cluster"
    assert status
    assert status.write_quorum is quorum
    assert ("files can be read and not saved" in status.details) == (quorum is False)


def test_other_servers_are_not_asked_for_a_quorum() -> None:
    with hostile(listing()) as server:
        server.calls_itself = "SeaweedFS"
        assert storage_at(server.endpoint).is_minio_available().write_quorum is None
        assert len(server.requests) == 1


def test_a_real_server_has_its_quorum(buckets: Buckets, recorder: Recorder) -> None:
    assert MinioBackend(http_client=recorder).is_minio_available().write_quorum is True
    assert len(recorder.requests) == 2
