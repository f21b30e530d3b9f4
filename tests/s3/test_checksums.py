from __future__ import annotations

import hashlib
import io

import pytest

from django_minio_backend.s3.checksums import Checked, Damaged, compute_checksum


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 10, 11, 20, 25])
def test_checksum_of_parts_is_that_of_their_md5s(size: int) -> None:
    data = bytes(range(size))
    parts = [data[at : at + 10] for at in range(0, size, 10)] or [b""]
    digests = b"".join(bytes.fromhex(md5(part)) for part in parts)
    assert compute_checksum(io.BytesIO(data), 10) == (f"{md5(digests)}-{len(parts)}", size)
    assert compute_checksum(io.BytesIO(data)) == (md5(data), size)


def test_what_is_not_expected_is_not_read_to_its_end() -> None:
    assert io.BufferedReader(Checked(io.BytesIO(b"abc"), 3, md5(b"abc"))).read() == b"abc"
    with pytest.raises(Damaged, match="checksum"):
        io.BufferedReader(Checked(io.BytesIO(b"abd"), 3, md5(b"abc"))).read()
    with pytest.raises(Damaged, match="2 of 3 bytes"):
        io.BufferedReader(Checked(io.BytesIO(b"ab"), 3)).read()


def test_reading_again_is_not_hashed_again() -> None:
    checked = Checked(io.BytesIO(b"abc"), 3, md5(b"abc"))
    file = io.BufferedReader(checked)
    assert checked.checksum == ""
    assert file.read() == b"abc"
    file.seek(0)
    assert file.read() == b"abc"
    assert checked.checksum == md5(b"abc")
