from __future__ import annotations

import gzip
import io
import tracemalloc

import pytest
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend, errors
from django_minio_backend.errors import IntegrityError, StorageError
from django_minio_backend.storage import compression, metadata
from django_minio_backend.storage.metadata import ORIGINAL_SIZE
from tests.conftest import Buckets, Fetch, Recorder
from tests.sizes import MIB

TEXT = "".join(f"{number},a line of text\n" for number in range(5000)).encode()


@pytest.fixture
def zipping(buckets: Buckets, recorder: Recorder) -> MinioBackend:
    return MinioBackend(MINIO_GZIP=True, http_client=recorder)


def stored(storage: MinioBackend, name: str) -> bytes:
    """Return the bytes that the server holds, whatever they stand for."""
    return bytes(storage.s3.stream(name, 0, 100 * MIB).read(100 * MIB))


def test_text_is_stored_compressed_and_read_back_as_it_was(
    zipping: MinioBackend, storage: MinioBackend, fetch: Fetch, recorder: Recorder
) -> None:
    zipping.save("a.csv", ContentFile(TEXT))
    recorder.requests.clear()
    with zipping.open("a.csv") as file:
        assert file.read() == TEXT
        assert file.size == len(TEXT)
    assert recorder.methods == ["GET"]
    assert len(stored(zipping, "a.csv")) < len(TEXT) / 3
    assert zipping.size("a.csv") == storage.size("a.csv") == len(TEXT)
    # Whoever reads it later need not know of the option; a browser decodes.
    assert storage.open("a.csv", "r").read() == TEXT.decode()
    answer = fetch(zipping.url("a.csv"))
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.data == TEXT


@pytest.mark.parametrize("write", ["open", "generator"])
def test_what_turns_out_to_be_small_is_compressed_too(zipping: MinioBackend, write: str) -> None:
    if write == "open":
        with zipping.open("a.csv", "wb") as file:
            file.write(TEXT)
    else:
        zipping.save("a.csv", iter([TEXT]))
    assert len(stored(zipping, "a.csv")) < len(TEXT) < zipping.size("a.csv") + 1
    assert zipping.open("a.csv").read() == TEXT


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("a.png", TEXT, id="another type"),
        pytest.param("a.txt", b"short", id="would not shrink"),
        pytest.param("a.txt", b"", id="empty"),
        pytest.param("a.txt", b"a" * (5 * MIB + 1), id="more than a part"),
    ],
)
def test_the_rest_is_stored_as_it_is(buckets: Buckets, name: str, content: bytes) -> None:
    storage = MinioBackend(MINIO_GZIP=True, MINIO_MULTIPART_PART_SIZE=5 * MIB)
    storage.save(name, ContentFile(content))
    assert stored(storage, name) == content
    assert storage.open(name).read() == content


def test_what_is_encoded_already_stays_as_it_is(buckets: Buckets) -> None:
    headers = {"content-encoding": "br"}
    storage = MinioBackend(MINIO_GZIP=True, MINIO_OBJECT_HEADERS=headers)
    storage.save("a.txt", ContentFile(TEXT))
    assert stored(storage, "a.txt") == TEXT
    assert storage.open("a.txt").read() == TEXT


def test_types_can_be_chosen(buckets: Buckets) -> None:
    storage = MinioBackend(MINIO_GZIP=["application/*"])
    for name in ("a.json", "a.txt"):
        storage.save(name, ContentFile(TEXT))
    assert len(stored(storage, "a.json")) < len(stored(storage, "a.txt")) == len(TEXT)


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 10), (70_000, 70_010), (100, None), (len(TEXT) - 1, len(TEXT) + 9)]
)
def test_a_range_is_one_of_the_content(zipping: MinioBackend, start: int, stop: int | None) -> None:
    zipping.save("a.csv", ContentFile(TEXT))
    with zipping.open_range("a.csv", start, stop) as file:
        assert file.read() == TEXT[start:stop]


def test_a_range_past_the_end_of_the_content_is_refused(zipping: MinioBackend) -> None:
    zipping.save("a.csv", ContentFile(TEXT))
    with pytest.raises(StorageError) as caught:
        zipping.open_range("a.csv", len(TEXT))
    assert caught.value.status == 416


@pytest.mark.parametrize("size", [len(TEXT) - 1, len(TEXT) + 1, 0])
def test_a_size_that_is_not_the_contents_is_an_integrity_error(
    zipping: MinioBackend, size: int
) -> None:
    body, headers = compression.Compression(["text/csv"]).of(TEXT, {"Content-Type": "text/csv"})
    zipping.s3.put("a.csv", body, {**headers, metadata.ORIGINAL_SIZE: str(size)})
    with pytest.raises(IntegrityError, match="decompress to"):
        zipping.open("a.csv")


def test_what_does_not_decompress_is_an_integrity_error(zipping: MinioBackend) -> None:
    headers = {"Content-Encoding": "gzip", metadata.ORIGINAL_SIZE: "3"}
    zipping.s3.put("a.csv", b"no gzip", headers)
    with pytest.raises(IntegrityError, match="does not decompress"):
        zipping.open("a.csv")


def test_gzip_that_somebody_else_stored_is_read_as_it_is(zipping: MinioBackend) -> None:
    packed = gzip.compress(TEXT)
    zipping.s3.put("a.csv", packed, {"Content-Encoding": "gzip"})
    assert zipping.open("a.csv").read() == packed


def test_the_same_content_gives_the_same_bytes_everywhere() -> None:
    body, _ = compression.Compression(["text/*"]).of(
        TEXT, {"Content-Type": "text/csv; charset=utf-8"}
    )
    with gzip.open(io.BytesIO(body)) as file:
        assert file.read() == TEXT
    # No name, no time, no operating system: https://www.rfc-editor.org/rfc/rfc1952
    assert bytes(body[:10]) == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def bomb(encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.compress(bytes(200 * MIB))
    brotli = pytest.importorskip("brotli")
    packed: bytes = brotli.compress(bytes(200 * MIB), quality=1)
    return packed


@pytest.mark.parametrize("encoding", ["gzip", "br"])
@pytest.mark.parametrize("told", ["1000", str(150 * MIB), "1" + "0" * 30])
def test_unpacking_ends_at_what_the_metadata_tells_and_at_the_part_size(
    storage: MinioBackend, encoding: str, told: str
) -> None:
    headers = {"Content-Encoding": encoding, ORIGINAL_SIZE: told}
    storage.s3.put("a.txt", bomb(encoding), headers)
    tracemalloc.start()
    try:
        with pytest.raises(errors.IntegrityError, match=r"a\.txt") as error:
            storage.open("a.txt").read()
        assert tracemalloc.get_traced_memory()[1] < 40 * MIB
    finally:
        tracemalloc.stop()
    reason = "does not decompress to" if told == "1000" else "MINIO_MULTIPART_PART_SIZE"
    assert reason in str(error.value)
    if len(told) > 30:
        with pytest.raises(errors.IntegrityError, match="its metadata says that it has 1,000,000"):
            storage.size("a.txt")


def test_brotli_that_ends_early_is_damaged() -> None:
    brotli = pytest.importorskip("brotli")
    packed = brotli.compress(b"content" * 1000)
    was = metadata.Original(7000, "br")
    assert compression.decompress(packed, was, MIB) == b"content" * 1000
    with pytest.raises(ValueError, match="does not decompress"):
        compression.decompress(packed[:-5], was, MIB)
