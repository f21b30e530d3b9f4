from __future__ import annotations

import csv
import gc
import gzip
import hashlib
import io
import os
import unittest.mock
import wave
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import openpyxl
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db.models import FileField, Model
from django.db.models.fields.files import FieldFile
from PIL import Image

from django_minio_backend import MinioBackend
from tests.conftest import Buckets, Recorder
from tests.hostile import hostile, s3_error
from tests.scripts import run_script
from tests.sizes import MIB
from tests.storage.conftest import unfinished_uploads
from tools.minio_server import Server


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


def buffered(raw: Any) -> Any:
    return io.BufferedWriter(raw)


WRAPPERS: dict[str, Any] = {
    "text": io.TextIOWrapper,
    "utf-16": lambda raw: io.TextIOWrapper(raw, encoding="utf-16"),
    "buffered": buffered,
    "gzip": lambda raw: gzip.GzipFile(fileobj=raw, mode="wb"),
    "zip": lambda raw: zipfile.ZipFile(raw, "w"),
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("whose", ["storage", "field"])
def test_whatever_is_wrapped_around_a_file_half_of_it_is_not_published(
    storage: MinioBackend, wrapper: str, whose: str
) -> None:
    storage.save("a.bin", ContentFile(b"old"))

    def opened() -> Any:
        if whose == "storage":
            return storage.open("a.bin", "wb")
        return FieldFile(Holder(), FileField(storage=storage), "a.bin").open("wb")

    def write(out: Any) -> None:
        if wrapper == "zip":
            out.writestr(f"{uuid4()}.txt", "half")
        else:
            out.write("half" if isinstance(out, io.TextIOWrapper) else b"half")

    for times in (1, 2):
        with pytest.raises(RuntimeError), opened() as raw, WRAPPERS[wrapper](raw) as out:
            for _ in range(times):
                write(out)
            raise RuntimeError
        assert storage.open("a.bin").read() == b"old"
    with opened() as raw, WRAPPERS[wrapper](raw) as out:
        write(out)
    assert storage.open("a.bin").read() != b"old"
    assert unfinished_uploads(storage) == 0


def test_a_wrapper_without_the_files_own_with_publishes_on_close(storage: MinioBackend) -> None:
    out = io.TextIOWrapper(storage.open("a.txt", "wb"))
    out.write("whole")
    out.close()
    assert storage.open("a.txt").read() == b"whole"
    with pytest.raises(RuntimeError), io.TextIOWrapper(storage.open("a.txt", "wb")) as out:
        out.write("half")
        raise RuntimeError
    assert storage.open("a.txt").read() == b"whole"


def test_a_file_closed_in_its_with_takes_no_more_and_is_published_at_its_end(
    storage: MinioBackend,
) -> None:
    with storage.open("a.txt", "wb") as file:
        file.write(b"whole")
        file.close()
        assert file.closed
        with pytest.raises(ValueError, match="closed"):
            file.write(b"more")
        assert not storage.exists("a.txt")
    assert storage.open("a.txt").read() == b"whole"


def tiff(file: Any) -> None:
    Image.new("RGB", (40, 40), "red").save(file, "TIFF")


def pdf(file: Any) -> None:
    Image.new("RGB", (40, 40), "red").save(file, "PDF")


def ico(file: Any) -> None:
    Image.new("RGB", (64, 64), "red").save(file, "ICO")


def sound(file: Any) -> None:
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
        out.writeframes(b"\0\1" * 800)


def workbook(file: Any) -> None:
    book: Any = openpyxl.Workbook()
    book.active.append(["a", 1])
    book.save(file)


def archive(file: Any) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("a.txt", b"content" * 1000)


def text(file: Any) -> None:
    with io.TextIOWrapper(file, encoding="utf-16", newline="") as out:
        csv.writer(out).writerows([["a", "ö"], ["b", 2]])


@pytest.mark.parametrize("write", [tiff, pdf, ico, sound, workbook, archive, text])
def test_formats_that_go_back_are_written_as_on_a_disk(
    storage: MinioBackend, tmp_path: Path, write: Callable[[Any], None]
) -> None:
    on_disk = FileSystemStorage(tmp_path)
    with freeze_time(), on_disk.open("a.bin", "wb") as file:
        write(file)
    with freeze_time(), storage.open("a.bin", "wb") as file:
        write(file)
    stored, expected = storage.open("a.bin").read(), (tmp_path / "a.bin").read_bytes()
    if write in {workbook, archive}:  # a stream has the sizes behind each entry
        assert entries(stored) == entries(expected)
    else:
        assert stored == expected


def entries(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def freeze_time() -> AbstractContextManager[Any]:
    """Stop the clock for formats that hold the time."""
    return unittest.mock.patch("time.time", return_value=1e9)


def test_a_file_can_be_changed_where_it_has_not_been_sent(storage: MinioBackend) -> None:
    part = storage.options.multipart_part_size
    with storage.open("a.bin", "wb") as file:
        assert file.seekable()
        file.write(b"0123456789")
        assert file.seek(2) == 2
        assert file.write(b"XY") == 2
        assert (file.tell(), file.size) == (4, 10)
        assert file.seek(0, io.SEEK_END) == 10
        file.seek(4, io.SEEK_CUR)
        file.write(b"end")
        file.seek(0)
        file.write(b"x" * part)
        file.write(b"y")
        with pytest.raises(io.UnsupportedOperation, match="raise MINIO_MULTIPART_PART_SIZE") as e:
            file.seek(0)
        assert "'a.bin'" in str(e.value)
        assert f"first {part:,} bytes" in str(e.value)
        file.seek(part)
        file.write(b"z")
    assert storage.size("a.bin") == part + 1
    with storage.open("b.bin", "wb") as file:
        file.write(b"0123456789")
        file.seek(2)
        file.write(b"XY")
        file.seek(14)
        file.write(b"end")
        assert file.truncate(16) == 16
    assert storage.open("b.bin").read() == b"01XY456789\0\0\0\0en"
    for position, whence in ((-1, io.SEEK_SET), (0, 9)):
        with (
            storage.open("b.bin", "wb") as file,
            pytest.raises(ValueError, match=r"position|whence"),
        ):
            file.write(b"x")
            file.seek(position, whence)


def test_a_large_archive_is_a_stream(storage: MinioBackend) -> None:
    content = os.urandom(12 * MIB)
    with storage.open("a.zip", "wb") as file, zipfile.ZipFile(file, "w") as out:
        out.writestr("a.bin", content)
        out.writestr("b.bin", content)
    assert entries(storage.open("a.zip").read()) == {"a.bin": content, "b.bin": content}


LATE = """
import atexit, threading, time
from django.core.files.base import ContentFile
from django_minio_backend import MinioBackend
storage = MinioBackend(sys.argv[1], MINIO_MULTIPART_PART_SIZE=5 * 2**20)
def upload(name):
    storage.save(name, iter([b"x" * 5 * 2**20, b"y" * 5 * 2**20, b"z"]))
    with storage.open("written " + name, "wb") as file:
        file.write(b"x" * 11 * 2**20)
    assert storage.delete_keys(["nothing"]) == {}
    storage.is_minio_available()
def outlive():
    threading.main_thread().join()
    time.sleep(0.2)
    upload("thread.bin")
if sys.argv[2] == "thread":
    threading.Thread(target=outlive).start()
else:
    atexit.register(upload, "atexit.bin")
"""


@pytest.mark.parametrize("when", ["thread", "atexit"])
def test_parts_are_sent_when_the_interpreter_is_ending(
    storage: MinioBackend, buckets: Buckets, server: Server, when: str
) -> None:
    run_script(LATE, server, buckets.private, when)
    assert storage.size(f"{when}.bin") == 10 * MIB + 1
    assert storage.size(f"written {when}.bin") == 11 * MIB
