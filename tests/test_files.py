from __future__ import annotations

import gc
import hashlib
import io
import os
import zipfile
from contextlib import closing
from typing import Any, cast

import pytest
from django.core.files.base import ContentFile
from django.db.models import FileField, Model
from django.db.models.fields.files import FieldFile

from django_minio_backend import MinioBackend
from django_minio_backend.errors import ObjectChanged, StorageError
from tests.conftest import Buckets, Recorder
from tests.hostile import hostile, s3_error
from tests.scripts import run_script
from tests.test_uploads import MIB, unfinished_uploads
from tools.minio_server import Server


def test_opening_reads_no_more_than_the_first_range(buckets: Buckets, recorder: Recorder) -> None:
    storage = MinioBackend(http_client=recorder)
    storage.s3.put("a.bin", b"x" * (3 * MIB), {})
    recorder.requests.clear()
    with storage.open("a.bin") as file:
        assert file.read(4096) == b"x" * 4096
        assert file.size == 3 * MIB
    assert len(recorder.requests) == 1


def test_random_access_fetches_what_it_touches(buckets: Buckets, recorder: Recorder) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("large", os.urandom(6 * MIB))
        archive.writestr("small", b"found")
    storage = MinioBackend(http_client=recorder)
    storage.save("a.zip", ContentFile(packed.getvalue()))
    recorder.requests.clear()
    with storage.open("a.zip") as file, zipfile.ZipFile(file) as archive:
        assert archive.read("small") == b"found"
    assert len(recorder.requests) <= 3


def test_a_reader_seeks_as_files_do(storage: MinioBackend) -> None:
    data = os.urandom(3 * MIB)
    storage.save("a.bin", ContentFile(data))
    with storage.open("a.bin") as file:
        assert file.seek(-10, os.SEEK_END) == 3 * MIB - 10
        assert file.read() == data[-10:]
        assert file.read() == b""
        file.seek(2 * MIB)
        assert file.read(5) == data[2 * MIB : 2 * MIB + 5]
        file.seek(0)
        assert file.read() == data
        buffer = bytearray(7)
        file.seek(1)
        assert cast(Any, file.file).readinto(buffer) == 7
        assert bytes(buffer) == data[1:8]
        assert file.readable()
        assert file.seekable()
        with pytest.raises(ValueError, match="negative seek"):
            file.seek(-1)
    with pytest.raises(ValueError, match="closed"):
        file.read()


@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, 1), (5, 25), (MIB - 1, MIB + 1), (10, None), (0, 99 * MIB), (100, 3 * MIB)],
)
def test_a_range_is_a_file_of_its_own(storage: MinioBackend, start: int, stop: int | None) -> None:
    data = os.urandom(3 * MIB + 100)
    storage.save("a.bin", ContentFile(data))
    with storage.open_range("a.bin", start, stop) as file:
        assert file.size == len(data[start:stop])
        assert file.read() == data[start:stop]
        file.seek(0)
        assert b"".join(file.chunks()) == data[start:stop]


def test_a_range_fetches_no_more_than_itself(buckets: Buckets, recorder: Recorder) -> None:
    storage = MinioBackend(http_client=recorder)
    storage.save("a.bin", ContentFile(b"x" * 3 * MIB))
    recorder.requests.clear()
    with storage.open_range("a.bin", 7, 9) as file:
        assert file.read() == b"xx"
    assert len(recorder.requests) == 1


def test_an_impossible_range_is_refused(storage: MinioBackend) -> None:
    storage.save("a.bin", ContentFile(b"12345"))
    for start, stop in ((-1, None), (3, 3), (4, 2)):
        with pytest.raises(ValueError, match="no bytes are in the range"):
            storage.open_range("a.bin", start, stop)
    with pytest.raises(StorageError) as caught:
        storage.open_range("a.bin", 5)
    assert caught.value.status == 416
    with pytest.raises(FileNotFoundError):
        storage.open_range("nowhere", 0)
    with pytest.raises(ValueError, match="can only be read"):
        storage.open_range("a.bin", 0).open("wb")


def test_text_is_read_and_written_as_utf_8(storage: MinioBackend) -> None:
    with storage.open("a.txt", "w") as file:
        file.write("größe\n")
        file.write("two\n")
    with storage.open("a.txt", "r") as file:
        assert file.readline() == "größe\n"
        assert list(file) == ["größe\n", "two\n"]
    assert storage.size("a.txt") == len("größe\ntwo\n".encode())


def test_an_object_replaced_while_it_is_read_is_an_error(buckets: Buckets) -> None:
    storage = MinioBackend(replace_existing=True)
    storage.save("a.bin", ContentFile(b"1" * 3 * MIB))
    with storage.open("a.bin") as file:
        file.read(MIB)
        storage.save("a.bin", ContentFile(b"2" * 3 * MIB))
        with pytest.raises(ObjectChanged, match=r"object 'a\.bin'"):
            file.read()
    with storage.open("a.bin") as file:
        file.read(MIB)
        storage.delete("a.bin")
        with pytest.raises(ObjectChanged):
            file.read()


def test_writing_publishes_on_a_clean_close_only(storage: MinioBackend) -> None:
    with storage.open("a.bin", "wb") as file:
        assert file.write(b"one") == 3
        assert not storage.exists("a.bin")
        assert file.tell() == file.size == 3
    assert storage.open("a.bin").read() == b"one"
    with storage.open("a.bin", "wb") as file:
        file.write(b"two")
    assert storage.open("a.bin").read() == b"two"


@pytest.mark.parametrize("mode", ["wb", "w"])
@pytest.mark.parametrize("size", [1, 12 * MIB])
def test_an_exception_discards_what_was_written(
    storage: MinioBackend, mode: str, size: int
) -> None:
    storage.save("a.bin", ContentFile(b"old"))
    with pytest.raises(RuntimeError), storage.open("a.bin", mode) as file:
        file.write("x" * size if mode == "w" else b"x" * size)
        raise RuntimeError
    assert storage.open("a.bin").read() == b"old"
    assert unfinished_uploads(storage) == 0


@pytest.mark.parametrize("mode", ["wb", "w"])
def test_a_writer_that_is_never_closed_publishes_nothing(storage: MinioBackend, mode: str) -> None:
    storage.save("a.bin", ContentFile(b"old"))
    file = storage.open("a.bin", mode)
    file.write("x" * 12 * MIB if mode == "w" else b"x" * 12 * MIB)
    with pytest.warns(ResourceWarning, match=r"'a\.bin' was never closed and not stored"):
        del file
        gc.collect()
    assert storage.open("a.bin").read() == b"old"
    assert unfinished_uploads(storage) == 0


@pytest.mark.parametrize("mode", ["wb", "w"])
def test_any_with_that_is_left_by_an_exception_discards(storage: MinioBackend, mode: str) -> None:
    storage.save("a.bin", ContentFile(b"old"))
    half: Any = "half" if mode == "w" else b"half"
    field_file = FieldFile(Holder(), FileField(storage=storage), "a.bin")
    with pytest.raises(RuntimeError), field_file.open(mode) as file:
        file.write(half)
        raise RuntimeError
    with pytest.raises(RuntimeError), closing(storage.open("a.bin", mode)) as file:
        file.write(half)
        raise RuntimeError
    assert storage.open("a.bin").read() == b"old"


class Holder(Model):
    """What a FieldFile asks of its instance."""

    class Meta:
        app_label = "contenttypes"


def test_a_file_closed_while_an_error_is_handled_is_published(storage: MinioBackend) -> None:
    file = storage.open("a.bin", "wb")
    try:
        raise StopIteration
    except StopIteration:
        file.write(b"whole")
        file.close()
        with storage.open("b.bin", "wb") as other:
            other.write(b"whole too")
    assert storage.open("a.bin").read() == b"whole"
    assert storage.open("b.bin").read() == b"whole too"


def test_a_file_of_exactly_one_part_is_one_request(buckets: Buckets, recorder: Recorder) -> None:
    storage = MinioBackend(http_client=recorder)
    with storage.open("a.bin", "wb") as file:
        file.write(b"x" * storage.options.multipart_part_size)
    assert recorder.methods == ["PUT"]


def test_ranges_grow_no_further_than_their_limit(buckets: Buckets, recorder: Recorder) -> None:
    storage = MinioBackend(http_client=recorder)
    storage.save("a.bin", ContentFile(b"x" * 40 * MIB))
    recorder.requests.clear()
    storage.open("a.bin").read()
    # 1 + 2 + 4 + 8 + 8 + 8 + 8 + 1
    assert len(recorder.requests) == 8


def test_an_object_replaced_by_an_empty_one_is_not_the_end_of_the_old(buckets: Buckets) -> None:
    storage = MinioBackend(replace_existing=True)
    storage.save("a.bin", ContentFile(b"1" * 3 * MIB))
    with storage.open("a.bin") as file:
        file.seek(-10, os.SEEK_END)
        file.read()
        storage.save("a.bin", ContentFile(b""))
        file.seek(0)
        with pytest.raises(ObjectChanged):
            file.read()


FORK = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
from django_minio_backend import MinioBackend
storage = MinioBackend(sys.argv[1])
file = storage.open("a.bin", "wb")
file.write(b"x" * 21 * 2**20)
child = os.fork()
if child == 0:
    file.close()
    os._exit(int(storage.exists("a.bin")))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "the child published the file"
file.close()
assert storage.size("a.bin") == 21 * 2**20
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_leaves_its_parents_file_alone(buckets: Buckets, server: Server) -> None:
    run_script(FORK, server, buckets.private)


def test_large_files_are_written_in_parts(storage: MinioBackend) -> None:
    data = os.urandom(25 * MIB)
    with storage.open("a.bin", "wb") as file:
        for start in range(0, len(data), 3 * MIB):
            file.write(memoryview(data)[start : start + 3 * MIB])
    with storage.open("a.bin") as file:
        assert hashlib.sha256(file.read()).digest() == hashlib.sha256(data).digest()
    assert storage.stat("a.bin").etag.endswith("-3")


def test_a_writer_that_cannot_publish_raises_on_close(buckets: Buckets) -> None:
    with hostile(s3_error(403, "AccessDenied")) as server:
        storage = MinioBackend(
            storage_name="default", MINIO_ENDPOINT=server.endpoint, MINIO_RETRIES=0
        )
        with pytest.raises(PermissionError), storage.open("a.bin", "wb") as file:
            file.write(b"x")
        assert file.closed
        with pytest.raises(ValueError, match="closed"):
            file.write(b"y")
