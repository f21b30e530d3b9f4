from __future__ import annotations

import gzip
import hashlib
import io
import os
import tracemalloc
from pathlib import Path
from typing import IO, Any, cast

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import TemporaryUploadedFile

from django_minio_backend import MinioBackend
from django_minio_backend.errors import IntegrityError
from django_minio_backend.s3 import quirks
from django_minio_backend.s3.multipart import MultipartUpload
from django_minio_backend.storage import uploads
from tests.conftest import Buckets, Recorder
from tests.hostile import Answer, hostile, storage_at
from tests.proxy import garbling_line
from tests.sizes import MIB, PART
from tests.storage.conftest import unfinished_uploads
from tools.minio_server import Server


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


@pytest.fixture
def large_from_two_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_LARGE", 2 * PART)
    monkeypatch.setattr(uploads, "_SEGMENT", PART)


@pytest.mark.usefixtures("large_from_two_parts")
def test_a_large_file_goes_in_parts_that_are_read_side_by_side(
    buckets: Buckets, recorder: Recorder, tmp_path: Path
) -> None:
    data = os.urandom(2 * PART + 7)
    path = tmp_path / "large.bin"
    path.write_bytes(data)
    upload = TemporaryUploadedFile("large.bin", None, len(data), None)
    upload.write(data)
    told: list[int] = []

    class Progress:
        update = staticmethod(told.append)

    storage = MinioBackend(
        http_client=recorder,
        replace_existing=True,
        progress=Progress(),
        MINIO_MULTIPART_PART_SIZE=PART,
    )
    storage.exists("a.bin")  # the server has said what it is
    with path.open("rb") as source, path.open("rb", buffering=0) as raw:
        for content in (File(source), File(raw), ContentFile(data), upload):
            recorder.requests.clear()
            storage.save("a.bin", content)
            assert recorder.methods == ["POST", "PUT", "PUT", "PUT", "POST"]
            assert storage.open("a.bin").read() == data
    assert sum(told) == 4 * len(data)


@pytest.mark.usefixtures("unknown_server", "large_from_two_parts")
@pytest.mark.parametrize("asked", [True, None])
def test_an_unknown_server_gets_parts_only_if_asked_for(
    buckets: Buckets, recorder: Recorder, asked: bool | None
) -> None:
    """Ceph finishes parts under a name that somebody else has taken meanwhile."""
    storage = MinioBackend(
        http_client=recorder,
        replace_existing=True,
        MINIO_MULTIPART_PART_SIZE=PART,
        MINIO_MULTIPART_UPLOAD=asked,
    )
    data = os.urandom(2 * PART + 7)
    storage.save("a.bin", ContentFile(data))
    parts = ["POST", "PUT", "PUT", "PUT", "POST"]
    assert recorder.methods == (parts if asked else ["PUT"])
    assert storage.open("a.bin").read() == data


class Encrypting(ContentFile):  # type: ignore[type-arg]
    def read(self, *args: Any) -> bytes:
        return bytes(byte ^ 1 for byte in super().read(*args))


@pytest.mark.usefixtures("large_from_two_parts")
def test_content_that_reads_best_in_order_stays_one_request(
    buckets: Buckets, recorder: Recorder, tmp_path: Path
) -> None:
    storage = MinioBackend(
        http_client=recorder, replace_existing=True, MINIO_MULTIPART_PART_SIZE=PART
    )
    data = b"x" * (2 * PART + 7)
    path = tmp_path / "large.gz"
    path.write_bytes(gzip.compress(data))
    with gzip.open(path) as source:
        for content in (File(cast(IO[Any], source)), Encrypting(data)):
            recorder.requests.clear()
            storage.save("a.bin", content)
            assert recorder.methods == ["PUT"]
    for option in ({"MINIO_MULTIPART_UPLOAD": False}, {"MINIO_MULTIPART_PART_SIZE": 4 * PART}):
        recorder.requests.clear()
        MinioBackend(http_client=recorder, replace_existing=True, **option).save(
            "a.bin", ContentFile(data)
        )
        assert recorder.methods == ["PUT"]


@pytest.mark.usefixtures("large_from_two_parts")
def test_a_file_that_becomes_shorter_leaves_no_parts(
    parted: MinioBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(b"x" * 3 * PART)
    put_part = MultipartUpload.put_part

    def put_from_shorter_file(upload: MultipartUpload, number: int, body: Any) -> str:
        os.truncate(path, PART)
        return put_part(upload, number, body)

    monkeypatch.setattr(MultipartUpload, "put_part", put_from_shorter_file)
    with path.open("rb") as source, pytest.raises(OSError, match="became shorter"):
        parted.save("a.bin", File(source))
    assert not parted.exists("a.bin")
    assert unfinished_uploads(parted) == 0


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
    monkeypatch.setattr(quirks, "CHECKING_SERVERS", frozenset())


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
    assert peak_of(save) < 4 * MIB * storage.options.multipart_parallel
    for work in (save_stream, read):
        assert peak_of(work) < bound + 4 * MIB, work.__name__
    assert storage.size("a.bin") == storage.size("b.bin") == size


def test_a_damaged_upload_is_refused_by_the_server(parted: MinioBackend) -> None:
    with pytest.raises(IntegrityError, match="damaged on its way"):
        parted.s3.put("a.bin", io.BytesIO(b"damaged"), {"Content-Length": "7"}, sha256="0" * 64)
    assert not parted.exists("a.bin")


@pytest.mark.parametrize("times", [1, MIB])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("in_parts", [True, False])
def test_content_that_is_damaged_on_its_way_is_not_stored(
    buckets: Buckets, server: Server, times: int, known: bool, in_parts: bool
) -> None:
    content = b"the right byte" * times
    with garbling_line(server.endpoint, b"the right byte", b"the wrong byte") as endpoint:
        garbled = MinioBackend(
            storage_name="default",
            MINIO_ENDPOINT=endpoint,
            replace_existing=True,
            MINIO_MULTIPART_UPLOAD=in_parts,
        )
        garbled.save("fine.bin", ContentFile(b"untouched"))
        MinioBackend().save("a.bin", ContentFile(b"old"))
        with pytest.raises(IntegrityError):
            garbled.save("a.bin", ContentFile(content) if known else iter([content]))
    storage = MinioBackend()
    assert storage.open("fine.bin").read() == b"untouched"
    assert storage.open("a.bin").read() == b"old"
    assert unfinished_uploads(storage) == 0
