from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from subprocess import PIPE
from typing import Any, cast

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import SimpleUploadedFile

from django_minio_backend import MinioBackend
from django_minio_backend.storage import content
from tests.conftest import Buckets, Recorder


def pipe(data: bytes, buffering: int = -1) -> Any:
    reader, writer = os.pipe()
    with open(writer, "wb") as sink:
        sink.write(data)
    return open(reader, "rb", buffering=buffering)


def generator() -> Iterator[bytes]:
    yield from (b"con", b"tent")


@pytest.mark.parametrize(
    "make",
    [
        lambda: ContentFile(b"content"),
        lambda: ContentFile("content"),
        lambda: io.BytesIO(b"content"),
        lambda: io.StringIO("content"),
        lambda: SimpleUploadedFile("x", b"content"),
        generator,
        lambda: iter([b"", b"con", "", "tent"]),
        lambda: File(cast(Any, generator()), "x"),
        lambda: pipe(b"content"),
        lambda: pipe(b"content", buffering=0),
    ],
    ids=[
        "content file",
        "text",
        "bytes",
        "text io",
        "upload",
        "generator",
        "mixed iterator",
        "file of generator",
        "pipe",
        "raw pipe",
    ],
)
def test_any_content_can_be_saved(storage: MinioBackend, make: Callable[[], Any]) -> None:
    content = make()
    try:
        storage.save("x.bin", content)
    finally:
        if hasattr(content, "close"):
            content.close()
    with storage.open("x.bin") as file:
        assert file.read() == b"content"


class OnlyReads:
    """Content with nothing but `read`, as a request has."""

    def __init__(self, data: bytes) -> None:
        self.data = io.BytesIO(data)

    def read(self, count: int = -1) -> bytes:
        return self.data.read(count)


@pytest.mark.parametrize("size", [7, 11 * 2**20])
def test_content_that_can_only_be_read_can_be_saved(storage: MinioBackend, size: int) -> None:
    data = os.urandom(size)
    storage.save("x.bin", OnlyReads(data))
    assert storage.open("x.bin").read() == data


class ReadsItself(MinioBackend):
    def _save(self, name: str, content: Any) -> str:
        return super()._save(name, ContentFile(b"".join(iter(lambda: content.read(2**20), b""))))


def test_a_subclass_may_read_what_it_saves(buckets: Buckets) -> None:
    data = os.urandom(11 * 2**20)
    storage = ReadsItself()
    storage.save("x.bin", iter([data[:5], data[5:]]))
    assert storage.open("x.bin").read() == data


def test_content_is_read_from_its_start(storage: MinioBackend) -> None:
    content = io.BytesIO(b"content")
    content.seek(4)
    storage.save("x.bin", content)
    assert storage.size("x.bin") == 7


@pytest.mark.parametrize(
    "content", [b"content", bytearray(b"content"), memoryview(b"content"), "content"]
)
def test_bytes_and_text_are_content_too(storage: MinioBackend, content: Any) -> None:
    storage.save("a.txt", content)
    assert storage.open("a.txt").read() == b"content"


def test_content_of_another_kind_is_refused(storage: MinioBackend) -> None:
    with pytest.raises(TypeError, match="must give bytes or str, not int"):
        storage.save("a.txt", iter([3, 2]))
    assert not storage.exists("a.txt")


def test_text_from_a_process_is_read_to_its_end(storage: MinioBackend) -> None:
    with subprocess.Popen([sys.executable, "-c", "print('hi')"], stdout=PIPE, text=True) as process:
        storage.save("a.txt", File(process.stdout))
    assert storage.open("a.txt").read() == b"hi\n"


def test_content_that_has_no_data_yet_is_refused(storage: MinioBackend) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with (
        open(reader, "rb", buffering=0) as source,
        pytest.raises(BlockingIOError, match="blocking"),
    ):
        storage.save("a.txt", source)
    os.close(writer)
    assert not storage.exists("a.txt")


def generator_in_a_file() -> Any:
    return File(cast(Any, generator()), "x")


@pytest.mark.parametrize("content", [generator, generator_in_a_file])
def test_a_small_stream_is_small_content(
    buckets: Buckets, recorder: Recorder, content: Callable[[], Any]
) -> None:
    storage = MinioBackend(http_client=recorder)
    storage.save("same.txt", ContentFile(b"old"))
    recorder.requests.clear()
    name = storage.save("same.txt", content())
    assert recorder.methods == ["PUT", "PUT"]
    assert storage.open(name).read() == b"content"
    assert storage.open("same.txt").read() == b"old"


def test_blocks_have_the_size_that_was_asked_for() -> None:
    pieces = File(cast(Any, iter([b"a" * 3, "b" * 4, bytearray(b"c")])))
    assert list(content.read_blocks(pieces, 3)) == [b"aaa", b"bbb", b"bc"]
