"""Many files by few requests, in bounded memory, and with a reason for each that failed."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend, errors
from tests.conftest import Buckets, Recorder
from tests.hostile import Answer, hostile, s3_error, storage_at
from tests.sizes import MIB


def test_many_files_are_saved_in_their_order(storage: MinioBackend) -> None:
    files = [(f"{number:03}.txt", ContentFile(str(number))) for number in range(40)]
    outcomes = storage.save_many([*files, ("000.txt", ContentFile("another"))])
    assert [one.given_name for one in outcomes] == [*(name for name, _ in files), "000.txt"]
    assert all(one.error is None for one in outcomes)
    names = {one.name for one in outcomes}
    assert len(names) == 41
    for number, outcome in enumerate(outcomes[1:40], 1):
        assert outcome.name == f"{number:03}.txt"
        assert storage.open(outcome.name).read() == str(number).encode()
    same = {storage.open(outcomes[n].name).read() for n in (0, 40)}
    assert same == {b"0", b"another"}


def test_a_file_that_fails_does_not_stop_the_others(storage: MinioBackend) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x"
        raise OSError("the disk is gone")

    files = [("a.txt", b"a"), ("../b.txt", b"b"), ("c.txt", broken()), ("d.txt", b"d")]
    a, b, c, d = storage.save_many(files, workers=2)
    assert (a.name, a.error) == ("a.txt", None)
    assert (b.given_name, b.name) == ("../b.txt", "")
    assert "path traversal" in str(b.error)
    assert (c.name, str(c.error)) == ("", "the disk is gone")
    assert d.name == "d.txt"
    assert storage.listdir("") == ([], ["a.txt", "d.txt"])
    assert storage.save_many([]) == []


def test_a_generator_of_large_files_is_read_a_few_ahead(storage: MinioBackend) -> None:
    files = ((f"{number}.bin", b"x" * MIB) for number in range(60))
    storage.save_many([("warm.bin", b"x")])
    tracemalloc.start()
    try:
        storage.save_many(files, workers=2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(storage.listdir("")[1]) == 61
    assert peak < 25 * MIB


def test_many_files_are_deleted_by_one_request_per_thousand(
    buckets: Buckets, recorder: Recorder
) -> None:
    storage = MinioBackend(http_client=recorder)
    storage.save_many((f"{number}.txt", b"x") for number in range(20))
    recorder.requests.clear()
    assert storage.delete_many(f"{number}.txt" for number in range(1500)) == {}
    assert recorder.methods == ["POST", "POST"]
    assert storage.listdir("") == ([], [])


def test_names_that_cannot_be_deleted_are_told_with_their_reasons(storage: MinioBackend) -> None:
    storage.save("a.txt", b"x")
    failed = storage.delete_many(["a.txt", "../b.txt", "", "folder__XLDIR__"])
    assert set(failed) == {"../b.txt", "", "folder__XLDIR__"}
    assert "path traversal" in failed["../b.txt"]
    assert "MinIO takes this name for a folder's" in failed["folder__XLDIR__"]
    assert not storage.exists("a.txt")


def test_a_batch_that_the_server_refuses_fails_alone() -> None:
    done = Answer(200, "<DeleteResult></DeleteResult>")
    with hostile(s3_error(403, "AccessDenied"), done) as server:
        names = [f"{number}.txt" for number in range(1500)]
        failed = storage_at(server.endpoint).delete_many(names, workers=1)
    assert set(failed) == set(names[:1000])
    assert "AccessDenied" in failed["0.txt"]


def test_deleting_tells_the_cached_links(buckets: Buckets) -> None:
    buckets.change(MINIO_URL_CACHING_ENABLED=True)
    storage = MinioBackend()
    storage.save("a.txt", b"x")
    before = storage.url("a.txt")
    storage.delete_many(["a.txt"])
    assert storage.url("a.txt") != before


@pytest.mark.parametrize("method", ["save_many", "delete_many"])
def test_an_outage_is_the_reason_for_each(method: str) -> None:
    with hostile(Answer(500)) as server:
        storage = storage_at(server.endpoint)
        if method == "delete_many":
            failed = storage.delete_many(["a.txt", "b.txt"])
            assert set(failed) == {"a.txt", "b.txt"}
        else:
            outcomes = storage.save_many([("a.txt", b"x"), ("b.txt", b"x")])
            assert [type(one.error) for one in outcomes] == [errors.ServerFault] * 2


def test_files_below_a_prefix_are_deleted(buckets: Buckets, recorder: Recorder) -> None:
    storage = MinioBackend(MINIO_LOCATION="media", http_client=recorder)
    MinioBackend().save("old/elsewhere.txt", b"x")
    storage.save_many((name, b"x") for name in ("old/a.txt", "old/b/c.txt", "older.txt", "new.txt"))
    recorder.requests.clear()
    assert storage.delete_prefix("/old/") == {}
    assert recorder.methods == ["GET", "POST"]
    assert storage.listdir("") == ([], ["new.txt", "older.txt"])
    assert MinioBackend().exists("old/elsewhere.txt")
    assert storage.delete_prefix("none/") == {}
    for every in ("", "/"):
        with pytest.raises(ValueError, match="every file"):
            storage.delete_prefix(every)


def test_a_listing_that_fails_deletes_nothing() -> None:
    with hostile(s3_error(403, "AccessDenied")) as server:
        with pytest.raises(errors.AccessDenied):
            storage_at(server.endpoint).delete_prefix("old/")
        assert len(server.requests) == 1
