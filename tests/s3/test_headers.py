"""Heads of responses, read as the standard library reads them."""

from __future__ import annotations

import http.client
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_minio_backend.s3.headers import Headers, read_head

LINE = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "fields",
    [
        b'Content-Length: 5\r\nETag:"e"\r\nX-Empty:\r\nX-Tab:\t2 \t\r\n',
        "Server: M\u00e9nIO\r\nX: a: b\r\n".encode("latin-1"),
        b"A: 1\nB: 2\n",
        b"A: folded\r\n over lines\r\nB: 2\r\n",
        b"A: folded\r\n\t twice\r\n  over lines\r\n",
        b"",
    ],
)
def test_fields_are_read_as_the_standard_library_reads_them(fields: bytes) -> None:
    theirs = http.client.parse_headers(io.BytesIO(fields + b"\r\n"))
    unfolded = {name: " ".join(value.split()) for name, value in theirs.items()}
    _, _, ours = read_head(LINE + fields)
    assert {name: " ".join(value.split()) for name, value in ours.items()} == unfolded


def test_the_case_of_names_does_not_matter_and_equal_names_are_one_field() -> None:
    _, _, headers = read_head(LINE + b"ETag: e\r\nVary: a\r\nvary: b\r\n")
    assert headers["etag"] == headers["ETAG"] == headers.get("Etag") == "e"
    assert headers["Vary"] == "a, b"
    assert "vary" in headers
    assert 7 not in headers  # type: ignore[comparison-overlap]
    assert headers.get("X-None") is None
    assert (len(headers), sorted(headers)) == (2, ["ETag", "vary"])
    assert repr(headers) == "Headers({'ETag': 'e', 'vary': 'a, b'})"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\n", (1, 200)),
        (b"HTTP/1.0 404 Not Found\r\n", (0, 404)),
        (b"HTTP/1.1 503\r\n", (1, 503)),
        (b"HTTP/1.1 204 \n", (1, 204)),
    ],
)
def test_status_lines(line: bytes, expected: tuple[int, int]) -> None:
    assert read_head(line)[:2] == expected


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/2 200\r\n",
        b"HTTP/1.1 20 OK\r\n",
        b"HTTP/1.1 2000 OK\r\n",
        b"HTTP/1.1 099 OK\r\n",
        b"HTTP/1.1 200OK\r\n",
    ],
)
def test_another_protocol_is_no_http(head: bytes) -> None:
    with pytest.raises(ValueError, match="no HTTP"):
        read_head(head)


@pytest.mark.parametrize(
    "fields",
    [
        b"A: 1\r\nno colon\r\nB: 2\r\n",
        b": no name\r\n",
        b"A : 1\r\n",
        b"A\x00B: 1\r\n",
        b"A: with\rreturn\r\n",
    ],
)
def test_a_malformed_line_is_refused(fields: bytes) -> None:
    """RFC 9112, section 5.1. A field that is read in two ways is how requests are smuggled."""
    with pytest.raises(ValueError, match="malformed"):
        read_head(LINE + fields)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_head_or_a_value_error(data: bytes) -> None:
    for head in (data, LINE + data):
        try:
            _, status, headers = read_head(head)
        except ValueError:
            continue
        assert 100 <= status <= 999
        assert isinstance(headers, Headers)
