from __future__ import annotations

import hashlib
import io
import os
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from django.core.files.base import ContentFile, File

from django_minio_backend import MinioBackend, client, sources, uploads
from django_minio_backend.errors import IntegrityError, InvalidCredentials, StorageFull
from django_minio_backend.signing import ChunkSigner
from tests.conftest import Buckets, Recorder
from tests.hostile import Answer, hostile, storage_at
from tests.proxy import garbling_line
from tools.minio_server import Server

MIB = 2**20


PART = 5 * MIB


def unfinished_uploads(storage: MinioBackend) -> int:
    return storage.s3.transport.send("GET", query=[("uploads", "")]).data.count(b"<UploadId>")


@pytest.fixture
def parted(buckets: Buckets, recorder: Recorder) -> MinioBackend:
    return MinioBackend(http_client=recorder, replace_existing=True, MINIO_MULTIPART_PART_SIZE=PART)


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 7])
def test_content_of_any_size_arrives_whole(parted: MinioBackend, size: int) -> None:
    data = os.urandom(size)
    parted.save("stream.bin", iter([data[: size // 2], data[size // 2 :]]))
    parted.save("whole.bin", ContentFile(data))
    for name in ("stream.bin", "whole.bin"):
        with parted.open(name) as file:
            assert hashlib.sha256(file.read()).digest() == hashlib.sha256(data).digest()


def test_a_known_size_is_one_request_however_large(
    parted: MinioBackend, recorder: Recorder
) -> None:
    parted.save("a.bin", ContentFile(b"x" * (3 * PART)))
    assert recorder.methods == ["PUT"]


def test_multipart_is_used_from_its_threshold_on(buckets: Buckets, recorder: Recorder) -> None:
    storage = MinioBackend(
        http_client=recorder,
        replace_existing=True,
        MINIO_MULTIPART_UPLOAD=True,
        MINIO_MULTIPART_THRESHOLD=PART + 1,
        MINIO_MULTIPART_PART_SIZE=PART,
    )
    storage.save("a.bin", ContentFile(b"x" * PART))
    assert recorder.methods == ["PUT"]
    recorder.requests.clear()
    storage.save("a.bin", ContentFile(b"x" * (PART + 1)))
    assert recorder.methods == ["POST", "PUT", "PUT", "POST"]
    assert storage.size("a.bin") == PART + 1


def test_a_source_that_fails_leaves_no_parts(parted: MinioBackend) -> None:
    parted.save("a.bin", ContentFile(b"old"))

    def failing() -> Iterator[bytes]:
        yield b"x" * (2 * PART + 1)
        raise RuntimeError("the source failed")

    with pytest.raises(RuntimeError, match="the source failed"):
        parted.save("a.bin", failing())
    assert unfinished_uploads(parted) == 0
    assert parted.open("a.bin").read() == b"old"


def test_parts_travel_side_by_side(parted: MinioBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(3, timeout=30)
    put_part = parted.s3.put_part

    def put_with_the_others(*arguments: Any) -> str:
        together.wait()
        return put_part(*arguments)

    monkeypatch.setattr(parted.s3, "put_part", put_with_the_others)
    data = [os.urandom(PART) for _ in range(6)]
    parted.save("a.bin", iter(data))
    assert parted.open("a.bin").read() == b"".join(data)


def test_a_part_that_fails_fails_the_upload(
    parted: MinioBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    parted.save("a.bin", ContentFile(b"old"))
    put_part = parted.s3.put_part

    def put_all_but_the_second(key: str, upload: str, number: int, body: Any) -> str:
        if number == 2:
            raise StorageFull("no room")
        return put_part(key, upload, number, body)

    monkeypatch.setattr(parted.s3, "put_part", put_all_but_the_second)
    with pytest.raises(StorageFull, match="no room"):
        parted.save("a.bin", iter([b"x" * PART] * 5))
    assert unfinished_uploads(parted) == 0
    assert parted.open("a.bin").read() == b"old"


class Failing(io.BytesIO):
    """A file that gives out when more than `budget` bytes of it have been read."""

    def __init__(self, size: int, error: Exception, budget: int) -> None:
        super().__init__(b"x" * size)
        self.budget = budget
        self.error = error

    def read(self, count: int | None = -1) -> bytes:
        data = super().read(count)
        self.budget -= len(data)
        if self.budget < 0:
            raise self.error
        return data


@pytest.fixture
def unknown_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the server nothing is known, as of many others and before it has first answered."""
    monkeypatch.setattr(client, "_KNOWN", frozenset())


def fails_as_its_content_does(error: Exception, budget: int) -> None:
    """A save whose content gives out raises what that did and leaves the old object."""
    storage = MinioBackend(replace_existing=True)
    storage.save("a.bin", ContentFile(b"old"))
    with pytest.raises(type(error)) as caught:
        storage.save("a.bin", File(Failing(12 * MIB, error, budget)))
    assert caught.value is error
    assert storage.open("a.bin").read() == b"old"


@pytest.mark.parametrize("error", [RuntimeError("broken"), OSError("disk failed")])
def test_a_file_that_fails_while_it_is_sent_raises_its_own_error(
    buckets: Buckets, error: Exception
) -> None:
    fails_as_its_content_does(error, budget=6 * MIB)


@pytest.mark.usefixtures("unknown_server")
@pytest.mark.parametrize("error", [RuntimeError("broken"), OSError("disk failed")])
def test_a_file_that_fails_when_it_is_read_again_raises_its_own_error(
    buckets: Buckets, error: Exception
) -> None:
    fails_as_its_content_does(error, budget=18 * MIB)


class Growing(io.BytesIO):
    """A log that is being written to: it grows whenever its end is looked for."""

    def seek(self, position: int, whence: int = 0) -> int:
        if whence == os.SEEK_SET:
            end = super().seek(0, os.SEEK_END)
            if end:
                super().write(b"PUT /smuggled HTTP/1.1\r\n\r\n")
        return super().seek(position, whence)


class Dribbling(io.BytesIO):
    """A file that gives less than it is asked for."""

    def read(self, count: int | None = -1) -> bytes:
        return super().read(min(count or 0, 300_000))


@pytest.mark.parametrize("size", [10 * MIB + 1, 11 * MIB, 12 * MIB - 1])
def test_a_large_file_is_read_once_and_sent_in_one_request(
    buckets: Buckets, recorder: Recorder, size: int
) -> None:
    storage = MinioBackend(replace_existing=True, http_client=recorder)
    storage.exists("a.bin")  # the server has said what it is
    recorder.requests.clear()
    data = os.urandom(size)
    content = Dribbling(data)
    storage.save("a.bin", File(content))
    assert recorder.methods == ["PUT"]
    assert storage.open("a.bin").read() == data


def test_a_chunk_of_another_key_is_no_damage(buckets: Buckets) -> None:
    MinioBackend().exists("a.bin")
    storage = MinioBackend(MINIO_SECRET_KEY="not-the-secret", replace_existing=True)
    with pytest.raises(InvalidCredentials):
        storage.save("a.bin", ContentFile(b"x" * 11 * MIB))


@pytest.mark.parametrize("size", [0, 1, sources.CHUNK, 2 * sources.CHUNK, 3 * sources.CHUNK - 1])
def test_signed_chunks_are_as_long_as_they_say(size: int) -> None:
    source = sources.Source(io.BytesIO(b"x" * size), size, lambda count: None)
    chunks = sources.SignedChunks(source)
    chunks.sign_with(ChunkSigner(b"key", "when", "seed"))
    first = b"".join(iter(lambda: bytes(chunks.read(100_000)), b""))
    assert len(first) == chunks.length == chunks.tell()
    chunks.seek(0)
    assert b"".join(iter(lambda: bytes(chunks.read()), b"")) == first


def test_a_file_that_grows_is_stored_as_it_was_measured(buckets: Buckets) -> None:
    storage = MinioBackend(replace_existing=True)
    size = 11 * MIB
    storage.save("a.log", File(Growing(b"x" * size)))
    assert storage.size("a.log") >= size
    assert set(storage.open("a.log").read(size)) == {ord("x")}
    # The connection carries on with answers to its own requests.
    assert storage.exists("a.log")
    assert not storage.exists("smuggled")


def test_progress_does_not_count_a_repeated_body_twice() -> None:
    told: list[int] = []

    class Progress:
        update = staticmethod(told.append)

    stored = Answer(200, headers={"ETag": '"e"'})
    with hostile(Answer(500), stored) as server:
        storage = storage_at(
            server.endpoint, MINIO_RETRIES=1, replace_existing=True, progress=Progress()
        )
        storage.save("a.bin", ContentFile(b"x" * 11 * MIB))
        assert [len(body) for body in server.bodies] == [11 * MIB] * 2
    assert sum(told) == 11 * MIB
    assert min(told) > 0


def test_parts_grow_where_s3s_limit_asks_for_it(
    parted: MinioBackend, monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    monkeypatch.setattr(uploads, "MAX_PARTS", 2)
    monkeypatch.setattr(uploads, "MAX_SINGLE_PUT", PART)
    parted.save("a.bin", ContentFile(b"x" * 3 * PART))
    assert recorder.methods == ["POST", "PUT", "PUT", "POST"]


class Changing(io.BytesIO):
    """A file that says something else the second time it is read."""

    def seek(self, position: int, whence: int = 0) -> int:
        if self.tell() >= 12 * MIB:
            self.getbuffer()[-1] ^= 1
        return super().seek(position, whence)


@pytest.mark.usefixtures("unknown_server")
def test_content_that_changes_between_hashing_and_sending_is_refused(buckets: Buckets) -> None:
    storage = MinioBackend(replace_existing=True)
    storage.save("a.bin", ContentFile(b"old"))
    content = Changing(b"x" * (12 * MIB))
    with pytest.raises(IntegrityError):
        storage.save("a.bin", File(content))
    assert storage.open("a.bin").read() == b"old"


def test_saving_and_reading_keep_memory_bounded(buckets: Buckets, tmp_path: Path) -> None:
    size = 96 * MIB
    path = tmp_path / "large.bin"
    with path.open("wb") as large:
        large.truncate(size)
    storage = MinioBackend(replace_existing=True)

    def peak_of(work: object) -> int:
        tracemalloc.start()
        try:
            work()  # type: ignore[operator]
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def save() -> None:
        with path.open("rb") as source:
            storage.save("a.bin", File(source))

    def save_stream() -> None:
        storage.save("b.bin", (b"\0" * MIB for _ in range(96)))

    def read() -> None:
        with storage.open("a.bin") as file:
            for _ in file.chunks(MIB):
                pass

    bound = storage.options.multipart_part_size * (storage.options.multipart_parallel + 1)
    for work in (save, save_stream, read):
        assert peak_of(work) < bound + 4 * MIB, work.__name__
    assert storage.size("a.bin") == storage.size("b.bin") == size


def test_more_parts_than_s3_allows_name_the_option(
    parted: MinioBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_PARTS", 2)
    with pytest.raises(ValueError, match="raise MINIO_MULTIPART_PART_SIZE"):
        parted.save("a.bin", iter([b"x" * PART] * 3))
    assert unfinished_uploads(parted) == 0


def test_a_damaged_upload_is_refused_by_the_server(parted: MinioBackend) -> None:
    with pytest.raises(IntegrityError, match="damaged on its way"):
        parted.s3.put("a.bin", io.BytesIO(b"damaged"), {"Content-Length": "7"}, sha256="0" * 64)
    assert not parted.exists("a.bin")


@pytest.mark.parametrize("times", [1, MIB])
@pytest.mark.parametrize("known", [True, False])
def test_content_that_is_damaged_on_its_way_is_not_stored(
    buckets: Buckets, server: Server, times: int, known: bool
) -> None:
    content = b"the right byte" * times
    with garbling_line(server.endpoint, b"the right byte", b"the wrong byte") as endpoint:
        garbled = MinioBackend(
            storage_name="default", MINIO_ENDPOINT=endpoint, replace_existing=True
        )
        garbled.save("fine.bin", ContentFile(b"untouched"))
        MinioBackend().save("a.bin", ContentFile(b"old"))
        with pytest.raises(IntegrityError):
            garbled.save("a.bin", ContentFile(content) if known else iter([content]))
    storage = MinioBackend()
    assert storage.open("fine.bin").read() == b"untouched"
    assert storage.open("a.bin").read() == b"old"
    assert unfinished_uploads(storage) == 0


def test_blocks_have_the_size_that_was_asked_for() -> None:
    pieces = File(cast(Any, iter([b"a" * 3, "b" * 4, bytearray(b"c")])))
    assert list(uploads.read_blocks(pieces, 3)) == [b"aaa", b"bbb", b"bc"]
