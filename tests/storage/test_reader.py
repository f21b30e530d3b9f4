from __future__ import annotations

import gc
import io
import os
import weakref
import zipfile
from typing import Any, cast

import pytest
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend, errors
from django_minio_backend.errors import ObjectChanged, StorageError
from tests.conftest import Buckets, Recorder
from tests.hostile import Answer, hostile, storage_at
from tests.proxy import Fault, faulty_line, garbling_line
from tests.scripts import run_script
from tests.sizes import MIB
from tools.minio_server import Server


def test_opening_reads_no_more_than_the_first_range(buckets: Buckets, recorder: Recorder) -> None:
    storage = MinioBackend(http_client=recorder)
    storage.s3.put("a.bin", b"x" * (3 * MIB), {})
    recorder.requests.clear()
    with storage.open("a.bin") as file:
        assert file.read(4096) == b"x" * 4096
        assert file.size == 3 * MIB
    assert len(recorder.requests) == 1


def test_a_file_left_open_goes_with_its_last_reference(storage: MinioBackend) -> None:
    storage.save("a.bin", ContentFile(b"x" * 4 * MIB))
    file = storage.open("a.bin")
    file.read(2 * MIB)
    raw = weakref.ref(cast(Any, file.file).raw)
    gc.collect()
    gc.disable()
    try:
        del file
        assert raw() is None
    finally:
        gc.enable()


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


def test_ever_larger_ranges_are_asked_for(buckets: Buckets, recorder: Recorder) -> None:
    storage = MinioBackend(http_client=recorder)
    storage.save("a.bin", ContentFile(b"x" * 40 * MIB))
    recorder.requests.clear()
    storage.open("a.bin").read()
    # 1 + 8 + 31
    assert len(recorder.requests) == 3


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


def test_a_short_way_ahead_is_read_over_and_a_long_one_asked_for(
    buckets: Buckets, recorder: Recorder
) -> None:
    data = os.urandom(24 * MIB)
    storage = MinioBackend(http_client=recorder)
    storage.save("a.bin", ContentFile(data))
    with storage.open("a.bin") as file:
        file.read(6 * MIB)
        recorder.requests.clear()
        for position in (6 * MIB + 100, 7 * MIB + 100, 7 * MIB + 50):
            file.seek(position)
            assert file.read(10) == data[position : position + 10]
        assert recorder.requests == []
        file.seek(20 * MIB)
        assert file.read(10) == data[20 * MIB : 20 * MIB + 10]
        assert len(recorder.requests) == 1
        file.seek(0)
        assert file.read() == data


def test_a_connection_that_breaks_again_and_again_is_resumed_while_there_is_progress() -> None:
    size = 6

    def rest(start: int) -> Answer:
        given = {"Content-Range": f"bytes {start}-{size - 1}/{size}", "ETag": '"e"'}
        return Answer(206, "abcdef"[start:], given, cut=1)

    with hostile(*map(rest, range(size))) as server:
        file = storage_at(server.endpoint, MINIO_RETRIES=1).open("a.bin")
        assert file.read() == b"abcdef"


FORK = """
from django_minio_backend import MinioBackend
file = MinioBackend(sys.argv[1]).open("a.bin")
start = file.read(3 * 2**20)
if os.fork() == 0:
    file.read()
    os._exit(0)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
rest = file.read()
assert (start + rest).count(b"x") == 12 * 2**20, len(rest)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_reads_on_by_itself(storage: MinioBackend, server: Server) -> None:
    storage.save("a.bin", ContentFile(b"x" * 12 * MIB))
    run_script(FORK, server, storage.bucket)


@pytest.mark.parametrize("size", [100, 3 * MIB])
def test_a_byte_that_flips_on_the_way_is_noticed(
    storage: MinioBackend, server: Server, buckets: Buckets, size: int
) -> None:
    content = b"right" + bytes(size)
    storage.save("a.bin", ContentFile(content))
    with garbling_line(server.endpoint, b"\0" * 99, b"\0" * 99) as endpoint:
        clean = MinioBackend(**{**buckets.options, "MINIO_ENDPOINT": endpoint})
        assert clean.open("a.bin").read() == content
    with faulty_line(server.endpoint, Fault("GET", "flip")) as (endpoint, _):
        shaky = MinioBackend(**{**buckets.options, "MINIO_ENDPOINT": endpoint})
        with pytest.raises(errors.IntegrityError, match=r"its MD5 is \w+, not"):
            shaky.open("a.bin").read()
    with faulty_line(server.endpoint, Fault("GET", "flip")) as (endpoint, _):
        shaky = MinioBackend(**{**buckets.options, "MINIO_ENDPOINT": endpoint})
        with shaky.open("a.bin") as file, pytest.raises(errors.IntegrityError):
            while file.read(1000):
                pass


def test_parts_of_a_file_and_jumps_in_it_are_read_without_a_checksum(storage: MinioBackend) -> None:
    storage.save("a.bin", ContentFile(b"0123456789"))
    with storage.open("a.bin") as file:
        assert file.read(2) == b"01"
        file.seek(5)
        assert file.read() == b"56789"
        file.seek(0)
        assert file.read() == b"0123456789"
