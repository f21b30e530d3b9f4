"""Requests that are repeated after a fault on the way to a real server."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend, errors
from tests.conftest import Buckets, Recorder
from tests.hostile import Answer, hostile, listing, storage_at
from tests.proxy import Fault, faulty_line
from tools.minio_server import Server

PART = 5 * 2**20
FAULTS: list[str | int] = ["lost", "reset", 503, 429]


@pytest.fixture
def faulty(server: Server, buckets: Buckets) -> Callable[..., Any]:
    @contextmanager
    def make(*faults: Fault, **options: Any) -> Iterator[tuple[MinioBackend, list[str]]]:
        with faulty_line(server.endpoint, *faults) as (endpoint, requests):
            given = {"MINIO_ENDPOINT": endpoint, "MINIO_MULTIPART_PART_SIZE": PART, **options}
            yield MinioBackend(**{**buckets.options, **given}), requests

    return make


@pytest.mark.parametrize("what", FAULTS)
def test_a_save_whose_first_try_failed_has_a_name_of_its_own(
    faulty: Callable[..., Any], storage: MinioBackend, what: str | int
) -> None:
    with faulty(Fault("PUT", what)) as (shaky, _):
        shaky.s3.learn("x")
        assert shaky.save("a.txt", ContentFile(b"content")) == "a.txt"
    assert storage.listdir("") == ([], ["a.txt"])


@pytest.mark.parametrize("what", FAULTS)
def test_an_equal_object_of_another_writer_is_not_taken_for_ones_own(
    faulty: Callable[..., Any], storage: MinioBackend, what: str | int
) -> None:
    def overtake() -> None:
        storage.save("a.txt", ContentFile(b"content"))

    storage.s3.learn(storage.save("known.txt", ContentFile(b"x")))
    with faulty(Fault("PUT .*a.txt", "reset" if what == "lost" else what, overtake)) as (shaky, _):
        shaky.save("known too.txt", ContentFile(b"x"))
        name = shaky.save("a.txt", ContentFile(b"content"))
    assert name != "a.txt"
    assert storage.exists("a.txt")
    assert storage.exists(name)


def test_a_conflict_of_two_writers_is_no_taken_name(
    faulty: Callable[..., Any], storage: MinioBackend
) -> None:
    conflict = Fault("PUT .*a.txt", 409, code="ConditionalRequestConflict")
    with faulty(conflict) as (shaky, _):
        assert shaky.save("a.txt", ContentFile(b"content")) == "a.txt"
    assert storage.open("a.txt").read() == b"content"


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("step", [r"POST .*\?uploads=", r"PUT .*partNumber=2", "POST .*uploadId="])
def test_a_large_upload_survives_one_fault_at_any_step(
    faulty: Callable[..., Any], storage: MinioBackend, what: str | int, step: str
) -> None:
    with faulty(Fault(step, what)) as (shaky, _):
        name = shaky.save("a.bin", iter([b"x" * PART, b"y" * PART, b"z"]))
    assert name == "a.bin"
    assert storage.size("a.bin") == 2 * PART + 1
    assert storage.listdir("") == ([], ["a.bin"])
    assert not unfinished(storage)


def unfinished(storage: MinioBackend) -> list[str]:
    """Return the ids of the uploads that were begun and neither finished nor ended."""
    query = [("uploads", ""), ("prefix", "a.bin")]
    answer = storage.s3.transport.send("GET", query=query).data.decode()
    return answer.split("<UploadId>")[1:]


def test_what_a_lost_answer_began_is_ended_and_nobody_elses(
    faulty: Callable[..., Any], storage: MinioBackend
) -> None:
    theirs = storage.s3.start_upload("a.bin", {})
    theirs.put_part(1, b"theirs")
    with faulty(Fault(r"POST .*\?uploads=", "lost")) as (shaky, _):
        ours = shaky.s3.start_upload("a.bin", {})
    assert len(unfinished(storage)) == 2
    for upload in (ours, theirs):
        upload.abort()


@pytest.mark.parametrize("what", FAULTS)
def test_deleting_many_is_repeated(
    faulty: Callable[..., Any], storage: MinioBackend, what: str | int
) -> None:
    storage.save("a.txt", ContentFile(b"x"))
    with faulty(Fault("POST .*delete=", what)) as (shaky, requests):
        assert shaky.delete_keys(["a.txt"]) == {}
        assert len(requests) == 2
    assert storage.listdir("") == ([], [])


def test_faults_that_go_on_are_told_and_leave_nothing_behind(
    faulty: Callable[..., Any], storage: MinioBackend
) -> None:
    faults = [Fault("POST .*uploadId=", 503) for _ in range(2)]
    with faulty(*faults, MINIO_RETRIES=1) as (shaky, _), pytest.raises(errors.Throttled):
        shaky.save("a.bin", iter([b"x" * PART, b"y"]))
    assert not storage.exists("a.bin")
    assert not unfinished(storage)


def test_a_passing_fault_is_retried(recorder: Recorder) -> None:
    found = Answer(200, headers={"Last-Modified": "Sat, 21 Nov 2026 11:50:09 GMT", "ETag": '"e"'})
    with hostile(Answer(503), Answer(500), found) as server:
        assert storage_at(server.endpoint, MINIO_RETRIES=2).exists("a.txt")
        assert len(server.requests) == 3


def test_a_private_authority_is_accepted_when_it_is_named(
    buckets: Buckets, tls: tuple[str, Path]
) -> None:
    endpoint, ca_file = tls
    own = {"MINIO_ENDPOINT": f"https://{endpoint}", "MINIO_USE_HTTPS": True}
    storage = MinioBackend(**{**buckets.options, **own}, MINIO_CA_CERTS=ca_file)
    storage.save("a.txt", ContentFile(b"x" * 2**20))
    assert storage.size("a.txt") == 2**20
    assert storage.url("a.txt").startswith(f"https://{endpoint}/")


def test_the_servers_time_does_not_follow_our_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile(listing()) as server:
        server.clock_ahead = 100
        storage = storage_at(server.endpoint)
        storage.listdir("")
    expected = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=100)
    stepped = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
    monkeypatch.setattr("django_minio_backend.s3.transport.utc_now", lambda: stepped)
    difference = storage.s3.transport.server_time() - expected
    assert abs(difference) < datetime.timedelta(seconds=5)
