from __future__ import annotations

import io
import os

import pytest
from django.core.files.base import ContentFile, File

from django_minio_backend import MinioBackend
from django_minio_backend.errors import InvalidCredentials
from django_minio_backend.s3 import payloads
from django_minio_backend.s3.signing import ChunkSigner
from tests.conftest import Buckets
from tests.sizes import MIB


class Growing(io.BytesIO):
    """A log that is being written to: it grows whenever its end is looked for."""

    def seek(self, position: int, whence: int = 0) -> int:
        if whence == os.SEEK_SET:
            end = super().seek(0, os.SEEK_END)
            if end:
                super().write(b"PUT /smuggled HTTP/1.1\r\n\r\n")
        return super().seek(position, whence)


def test_a_chunk_of_another_key_is_no_damage(buckets: Buckets) -> None:
    MinioBackend().exists("a.bin")
    storage = MinioBackend(MINIO_SECRET_KEY="not-the-secret", replace_existing=True)
    with pytest.raises(InvalidCredentials):
        storage.save("a.bin", ContentFile(b"x" * 11 * MIB))


@pytest.mark.parametrize("size", [0, 1, payloads.CHUNK, 2 * payloads.CHUNK, 3 * payloads.CHUNK - 1])
def test_signed_chunks_are_as_long_as_they_say(size: int) -> None:
    source = payloads.Payload(payloads.Source(io.BytesIO(b"x" * size)), size)
    chunks = payloads.SignedChunks(source)
    chunks.sign_with(ChunkSigner(b"key", "when", "seed"))
    first = b"".join(iter(lambda: bytes(chunks.read(100_000)), b""))
    assert str(len(first)) == chunks.headers["Content-Length"]
    assert len(first) == chunks.tell()
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
