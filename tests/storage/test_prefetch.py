"""One listing answers for many files, and never wrongly for one that changed."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend, errors
from django_minio_backend.storage import prefetch
from tests.conftest import Buckets, Recorder
from tests.hostile import Answer, hostile, listing, storage_at


@pytest.fixture
def counted(buckets: Buckets, recorder: Recorder) -> MinioBackend:
    storage = MinioBackend(http_client=recorder)
    storage.save_many((f"page/{number}.txt", b"x" * number) for number in range(1, 30))
    recorder.requests.clear()
    return storage


def test_a_page_of_files_takes_one_request(counted: MinioBackend, recorder: Recorder) -> None:
    with counted.prefetch("page/"):
        for number in range(1, 30):
            assert counted.size(f"page/{number}.txt") == number
            assert counted.exists(f"page/{number}.txt")
            listed = counted.get_modified_time(f"page/{number}.txt")
        assert not counted.exists("page/none.txt")
        with pytest.raises(FileNotFoundError, match=r"page/none\.txt"):
            counted.size("page/none.txt")
    assert recorder.methods == ["GET"]
    # HTTP dates have no fractions of a second.
    assert counted.get_modified_time("page/29.txt") == listed.replace(microsecond=0)
    assert recorder.methods == ["GET", "HEAD"]


def test_a_block_that_asks_nothing_takes_no_request(
    counted: MinioBackend, recorder: Recorder
) -> None:
    with counted.prefetch():
        pass
    assert recorder.requests == []


def test_other_files_are_asked_for(counted: MinioBackend, recorder: Recorder) -> None:
    counted.save("elsewhere.txt", b"x")
    recorder.requests.clear()
    with counted.prefetch("page/"):
        assert counted.exists("elsewhere.txt")
        assert recorder.methods == ["HEAD"]
    with counted.prefetch("page/1"), counted.prefetch("page/2"):
        assert counted.size("page/12.txt") == 12
        assert counted.size("page/21.txt") == 21
        assert counted.size("page/3.txt") == 3
    assert recorder.methods == ["HEAD", "GET", "GET", "HEAD"]


Change = Callable[[MinioBackend], object]
CHANGES: dict[str, tuple[str, Change, int | None]] = {
    "saved": ("page/new.txt", lambda s: s.save("page/new.txt", b"12345"), 5),
    "replaced": (
        "page/1.txt",
        lambda s: MinioBackend(replace_existing=True).save("page/1.txt", b"12345"),
        5,
    ),
    "written": ("page/1.txt", lambda s: write(s, "page/1.txt"), 5),
    "deleted": ("page/1.txt", lambda s: s.delete("page/1.txt"), None),
    "deleted with others": ("page/1.txt", lambda s: s.delete_many(["page/1.txt"]), None),
    "saved with others": ("page/new.txt", lambda s: s.save_many([("page/new.txt", b"12345")]), 5),
    "saved in a thread": ("page/new.txt", lambda s: run(lambda: s.save("page/new.txt", b"1")), 1),
}


def write(storage: MinioBackend, name: str) -> None:
    with storage.open(name, "wb") as file:
        file.write(b"12345")


def run(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("asked_before", [True, False])
def test_a_change_within_the_block_is_seen(
    counted: MinioBackend, change: str, asked_before: bool
) -> None:
    name, make_change, size = CHANGES[change]
    with counted.prefetch("page/"):
        if asked_before:
            assert counted.exists("page/1.txt")
            assert counted.exists("page/new.txt") is False
        make_change(counted)
        assert counted.exists(name) is (size is not None)
        if size is not None:
            assert counted.size(name) == size
        assert counted.size("page/2.txt") == 2


def test_other_threads_are_not_answered_by_the_block(
    counted: MinioBackend, recorder: Recorder
) -> None:
    with counted.prefetch("page/"):
        assert counted.exists("page/1.txt")
        run(lambda: counted.exists("page/1.txt"))
    assert recorder.methods == ["GET", "HEAD"]


def test_compressed_text_and_copies_are_told_as_they_are(
    buckets: Buckets, recorder: Recorder
) -> None:
    when = {"x-amz-meta-mtime": "1700000000.5"}
    storage = MinioBackend(MINIO_GZIP=True, metadata=when, http_client=recorder)
    storage.save("a.txt", ContentFile("text " * 1000))
    recorder.requests.clear()
    with storage.prefetch():
        size, modified = storage.size("a.txt"), storage.get_modified_time("a.txt")
    assert len(recorder.requests) == 1
    assert (size, modified) == (storage.size("a.txt"), storage.get_modified_time("a.txt"))
    assert size == 5000


def test_a_listing_without_metadata_does_not_tell_the_size_of_compressed_text() -> None:
    entry = (
        "<Contents><Key>a.txt</Key><Size>49</Size><ETag>e</ETag>"
        "<LastModified>2026-11-21T11:50:09.000Z</LastModified></Contents>"
    )
    head = {
        "Last-Modified": "Sat, 21 Nov 2026 11:50:09 GMT",
        "ETag": '"e"',
        "Content-Encoding": "gzip",
        "x-amz-meta-django-uncompressed-size": "5000",
    }
    with hostile(listing(entry), Answer(200, headers=head)) as server:
        storage = storage_at(server.endpoint, MINIO_GZIP=True)
        with storage.prefetch():
            assert storage.exists("a.txt")
            assert storage.size("a.txt") == 5000
        assert [line.partition(" ")[0] for line in server.requests] == ["GET", "HEAD"]
    with hostile(listing(entry)) as server, storage_at(server.endpoint).prefetch():
        assert storage_at(server.endpoint).size("a.txt") == 49


def test_memory_is_bounded_and_files_beyond_are_asked_for(
    counted: MinioBackend, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch, "MOST", 1)
    counted.save_many((f"many/{number:04}.txt", b"x") for number in range(1002))
    recorder.requests.clear()
    with counted.prefetch("many/"):
        assert counted.exists("many/0999.txt")
        assert not counted.exists("many/0999.txt.none")
        assert counted.exists("many/1001.txt")
    assert recorder.methods == ["GET", "HEAD", "HEAD"]


def test_an_outage_is_an_error_and_no_absence() -> None:
    with hostile(Answer(500)) as server:
        storage = storage_at(server.endpoint)
        with storage.prefetch(), pytest.raises(errors.ServerFault):
            storage.exists("a.txt")
