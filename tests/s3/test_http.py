"""HTTP over our own connections, against servers that do it well, badly and not at all."""

from __future__ import annotations

import io
from typing import Any

import pytest

from django_minio_backend.s3.http import HTTPFault, NotConnected, TooLong, make_head
from django_minio_backend.s3.pool import Pool
from tests.hostile import closed_port
from tests.raw import RawServer, raw_server

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def ask(server: RawServer, method: str = "GET", **keywords: Any) -> tuple[int, bytes]:
    response = Pool(server.make_server()).request(method, "/", {"Host": "here"}, **keywords)
    return response.status, response.data


@pytest.mark.parametrize(
    ("answer", "status", "data"),
    [
        (OK, 200, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b""),
        (b"HTTP/1.0 200 OK\r\n\r\nto the end", 200, b"to the end"),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 200, b"ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 \r\n\r\n" + OK, 200, b"ok"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3;name=value\r\nabc\r\n000A\r\n0123456789\r\n0\r\nX-Trailer: 1\r\n\r\n",
            200,
            b"abc0123456789",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: 99\r\n\r\n"
            b"1\na\n0\n\n",
            200,
            b"a",
        ),
    ],
)
def test_the_body_ends_as_its_head_says(answer: bytes, status: int, data: bytes) -> None:
    with raw_server([answer]) as server:
        assert ask(server) == (status, data)


def test_a_response_to_head_has_no_body() -> None:
    with raw_server([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", OK]) as server:
        pool = Pool(server.make_server())
        response = pool.request("HEAD", "/", {})
        assert (response.data, response.headers["Content-Length"]) == (b"", "5")
        assert pool.request("GET", "/", {}).data == b"ok"


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"", "hung up"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "hung up within its answer"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "cut short"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n", "'5x' is no number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "'-1' is no number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "no number"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "'gzip, chunked' is un"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "no size: b'xyz"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "cut short"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", "longer than"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", "cut short"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + b"HTTP/1.1 100 \r\n\r\n" * 9, "answers 100"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: 1\r\n" * 20_000, "head has more than 65,536 bytes"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: 1\r\n" * 20_000,
            "trailers have more than",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 100_000,
            "a line has more than",
        ),
    ],
)
def test_half_a_response_and_a_strange_one_are_faults(answer: bytes, fault: str) -> None:
    with raw_server([answer]) as server, pytest.raises(HTTPFault, match=fault):
        ask(server)


@pytest.mark.parametrize("length", [b"Content-Length: 20000000\r\n", b""])
def test_a_response_that_is_too_long_is_not_read_whole(length: bytes) -> None:
    with raw_server([b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + b"x" * 20_000_000]) as server:
        with pytest.raises(TooLong):
            Pool(server.make_server(retries=3)).request("GET", "/", {})
        assert len(server.requests) == 1


def test_an_early_answer_counts_although_the_body_was_not_taken() -> None:
    refused = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
    with raw_server([]) as server, pytest.raises(HTTPFault):
        ask(server, "PUT", body=b"x" * 2**20)
    # It hangs up after the answer, while the rest of the body is on its way.
    content = io.BytesIO(b"x" * 64 * 2**20)
    with raw_server([refused]) as server:
        assert ask(server, "PUT", body=content)[0] == 403


@pytest.mark.parametrize("size", [0, 10, 2**16 + 1, 2**20])
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_the_whole_body_is_sent_with_its_length(size: int, kind: Any) -> None:
    with raw_server([OK]) as server:
        ask(server, "PUT", body=kind(b"x" * size))
        [[request]] = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert f"\r\nContent-Length: {size}".encode() in head
    assert body == b"x" * size


def test_a_request_without_content_has_no_length() -> None:
    assert make_head("GET", "/a", {"Host": "b"}, b"").decode() == (
        "GET /a HTTP/1.1\r\nHost: b\r\nUser-Agent: django-minio-backend\r\n"
        "Accept-Encoding: identity\r\n\r\n"
    )
    assert b"Content-Length: 0" in make_head("POST", "/a", {}, b"")


@pytest.mark.parametrize("value", ["a\r\nX-Smuggled: b", "a\nb", "a\rb"])
def test_a_header_with_a_line_break_is_not_sent(value: str) -> None:
    with raw_server([OK]) as server, pytest.raises(ValueError, match="line break"):
        Pool(server.make_server()).request("GET", "/", {"X-Some": value})


def test_an_error_of_reading_the_content_is_raised_as_it_is() -> None:
    class Broken(io.BytesIO):
        def read(self, count: int | None = -1, /) -> bytes:
            raise OSError("the disk is gone")

    with raw_server([OK]) as server, pytest.raises(OSError, match="the disk is gone"):
        Pool(server.make_server(retries=3)).request(
            "PUT", "/", {"Content-Length": "5"}, Broken(b"12345")
        )


def test_time_outs_are_told() -> None:
    with raw_server([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", OK]) as server:
        with pytest.raises(HTTPFault, match="timed out") as caught:
            Pool(server.make_server(read_timeout=0.05)).request("GET", "/", {})
        assert caught.value.timed_out


def test_a_refused_connection_is_no_request() -> None:
    with closed_port() as endpoint, raw_server() as server:
        at = server.make_server()
        host, _, port = endpoint.partition(":")
        object.__setattr__(at.endpoint, "host", host)
        object.__setattr__(at.endpoint, "port", int(port))
        with pytest.raises(NotConnected, match=f"no connection to {endpoint}: .*refused") as caught:
            Pool(at).request("POST", "/", {})
        assert not caught.value.timed_out
