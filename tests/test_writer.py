from __future__ import annotations

import gc
import hashlib
import os
from contextlib import closing
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db.models import FileField, Model
from django.db.models.fields.files import FieldFile

from django_minio_backend import MinioBackend
from tests.conftest import Buckets, Recorder
from tests.hostile import hostile, s3_error
from tests.scripts import run_script
from tests.test_uploads import MIB, unfinished_uploads
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
