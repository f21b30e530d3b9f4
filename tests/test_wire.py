from __future__ import annotations

import http.client
import io
from typing import Any

import pytest
import urllib3

from django_minio_backend import wire
from django_minio_backend.wire import PoolManager, parse_headers
from tests.hostile import Answer, hostile


@pytest.mark.parametrize(
    "head",
    [
        b'Content-Length: 5\r\nETag:"e"\r\nX-Empty:\r\nX-Same: 1\r\nx-same:  2 \t\r\n\r\nbody',
        "Server: M\u00e9nIO\r\nX: a: b\r\n\r\n".encode("latin-1"),
        b"A: 1\nB: 2\n\n",
        b"A: 1\r\nB: cut",
        b"",
        b"A: folded\r\n over lines\r\nB: 2\r\n\r\n",
        b"A: 1\r\nno header\r\nB: 2\r\n\r\n",
        b": no name\r\nB: 2\r\n\r\n",
        b"A : 1\r\nB: 2\r\n\r\n",
    ],
)
def test_headers_are_read_as_the_standard_library_reads_them(head: bytes) -> None:
    ours, theirs = parse_headers(io.BytesIO(head)), http.client.parse_headers(io.BytesIO(head))
    values = [(name, value.strip()) for name, value in theirs.items()]
    assert ours.items() == values
    assert (ours.get_payload() or "") == theirs.get_payload()


@pytest.mark.parametrize(
    ("head", "error"),
    [
        (b"A: " + b"x" * 70_000, http.client.LineTooLong),
        (b"A: 1\r\n" * 101 + b"\r\n", http.client.HTTPException),
    ],
)
def test_headers_without_end_are_refused(head: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_headers(io.BytesIO(head))


def test_answers_are_read_with_it() -> None:
    with hostile(Answer(200, "content", {"X-Some": "header"})) as server:
        with PoolManager(retries=False) as manager:
            answer = manager.request("GET", f"http://{server.endpoint}/")
    assert (answer.status, answer.data, answer.headers["x-some"]) == (200, b"content", "header")
    assert isinstance(answer, urllib3.HTTPResponse)


def test_a_parser_that_gets_more_arguments_is_still_ours() -> None:
    """As in later versions of Python, whose `begin` has a keyword and passes it on."""

    source = "def begin(self, *, _max=None):\n    return parse_headers(self, _max_headers=_max)"
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    twin = wire._with_parser(namespace["begin"])
    assert twin(io.BytesIO(b"A: 1\r\n\r\n")).items() == [("A", "1")]
