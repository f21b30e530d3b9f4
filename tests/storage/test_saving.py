from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend
from django_minio_backend.errors import ObjectExists
from tests.conftest import Buckets, Recorder


def test_many_writers_of_one_name_all_keep_their_files(buckets: Buckets) -> None:
    contents = [str(number).encode() for number in range(6)]
    start = threading.Barrier(len(contents), timeout=30)
    saved: dict[bytes, str] = {}

    def write(content: bytes) -> None:
        start.wait()
        saved[content] = MinioBackend().save("same.txt", ContentFile(content))

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(set(saved.values())) == len(contents)
    storage = MinioBackend()
    assert {storage.open(name).read(): name for name in saved.values()} == saved


def test_a_server_that_may_ignore_conditions_is_asked_first(
    buckets: Buckets, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = MinioBackend(http_client=recorder)
    storage.save("a.txt", ContentFile(b"1"))
    facts = storage.s3.transport.live.facts
    monkeypatch.setattr(facts, "refuses_taken_names", False)
    recorder.requests.clear()
    storage.save("b.txt", ContentFile(b"2"))
    assert storage.save("a.txt", ContentFile(b"3")) != "a.txt"
    assert recorder.methods == ["HEAD", "PUT", "HEAD", "HEAD", "PUT"]


def test_what_is_not_small_is_not_sent_in_vain(buckets: Buckets, recorder: Recorder) -> None:
    storage = MinioBackend(http_client=recorder)
    storage.save("a.txt", ContentFile(b"1"))
    recorder.requests.clear()
    storage.save("a.txt", ContentFile(b"x" * 11 * 2**20))
    assert recorder.methods == ["HEAD", "HEAD", "PUT"]


class BlindOnce(MinioBackend):
    """Finds a taken name free the first time, as a writer that is overtaken does."""

    looked = False

    def exists(self, name: str) -> bool:
        looked, self.looked = self.looked, True
        return looked and super().exists(name)


def large_generator() -> Iterator[bytes]:
    yield from (b"x" * 6 * 2**20, b"y" * 6 * 2**20)


def test_a_large_stream_that_lost_the_race_is_an_error_and_stores_nothing(
    storage: MinioBackend,
) -> None:
    storage.save("same.txt", ContentFile(b"old"))
    with pytest.raises(ObjectExists, match="left as it is; replace_existing"):
        BlindOnce(MINIO_MULTIPART_PART_SIZE=5 * 2**20).save("same.txt", large_generator())
    assert storage.open("same.txt").read() == b"old"
    assert storage.listdir("") == ([], ["same.txt"])


def test_a_large_file_that_lost_the_race_is_stored_whole_under_another_name(
    storage: MinioBackend,
) -> None:
    storage.save("same.bin", ContentFile(b"old"))
    data = os.urandom(11 * 2**20)
    name = BlindOnce().save("same.bin", ContentFile(data))
    assert name != "same.bin"
    assert storage.open(name).read() == data
    assert storage.open("same.bin").read() == b"old"


def test_a_failed_save_leaves_the_old_object(buckets: Buckets, storage: MinioBackend) -> None:
    storage.save("a.txt", ContentFile(b"old"))

    def failing() -> Iterator[bytes]:
        yield b"x" * 6 * 2**20
        yield b"x" * 6 * 2**20
        raise RuntimeError("the source failed")

    replacing = MinioBackend(replace_existing=True, MINIO_MULTIPART_PART_SIZE=5 * 2**20)
    with pytest.raises(RuntimeError, match="the source failed"):
        replacing.save("a.txt", failing())
    assert storage.open("a.txt").read() == b"old"
