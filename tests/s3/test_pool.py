"""Connections are used again while they can be, and requests are repeated if that is safe."""

from __future__ import annotations

import io
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from django_minio_backend.s3 import pool as pool_module
from django_minio_backend.s3.http import HTTPFault, NotConnected
from django_minio_backend.s3.pool import Pool
from django_minio_backend.s3.server import Endpoint, Server
from tests.raw import raw_server
from tests.s3.test_http import OK

CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
OLD = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Slow Down\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusy"
CONFLICT = b"HTTP/1.1 409 Conflict\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between repetitions, which are not waited for."""
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made


def test_a_connection_is_used_again() -> None:
    with raw_server([OK, OK, OK]) as server:
        pool = Pool(server.make_server())
        assert [pool.request("GET", "/", {}).data for _ in range(3)] == [b"ok"] * 3
        assert [len(requests) for requests in server.requests] == [3]


@pytest.mark.parametrize("answer", [CLOSING, OLD, OK + b"more than was announced"])
def test_a_connection_that_cannot_be_used_again_is_not(answer: bytes) -> None:
    with raw_server([answer, OK], [OK]) as server:
        pool = Pool(server.make_server())
        assert pool.request("GET", "/", {}).data == b"ok"
        assert pool.request("GET", "/", {}).data == b"ok"
        assert [len(requests) for requests in server.requests] == [1, 1]


def test_a_connection_that_the_server_dropped_while_idle_costs_no_try() -> None:
    with raw_server([OK], [OK]) as server:
        pool = Pool(server.make_server(retries=0))
        pool.request("POST", "/", {})
        assert server.hung_up.wait(20)
        assert pool.request("POST", "/", {}).data == b"ok"


def test_a_stream_keeps_its_connection_until_its_end() -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"
    with raw_server([long, OK], [OK]) as server:
        pool = Pool(server.make_server())
        stream = pool.request("GET", "/", {}, stream=True)
        assert stream.read(4) == b"0123"
        stream.close()
        stream.close()
        assert stream.read(4) == b""
        pool.request("GET", "/", {})
        assert [len(requests) for requests in server.requests] == [1, 1]
    with raw_server([long, OK]) as server:
        pool = Pool(server.make_server())
        stream = pool.request("GET", "/", {}, stream=True)
        assert (stream.read(4), stream.read(99), stream.read(9)) == (b"0123", b"456789", b"")
        pool.request("GET", "/", {})
        assert [len(requests) for requests in server.requests] == [2]


def test_threads_have_connections_of_their_own_and_few_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool_module, "_KEPT", 2)
    with raw_server(*[[OK] * 3] * 4) as server:
        pool = Pool(server.make_server())
        streams = [pool.request("GET", "/", {}, stream=True) for _ in range(3)]
        for stream in streams:
            assert stream.read(9) == b"ok"
        assert len(pool._idle) == 2
        results: list[bytes] = []
        work = [
            threading.Thread(target=lambda: results.append(pool.request("GET", "/", {}).data))
            for _ in range(2)
        ]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join(20)
        assert results == [b"ok", b"ok"]


@pytest.mark.parametrize(
    ("method", "keywords"),
    [("GET", {}), ("HEAD", {}), ("PUT", {}), ("DELETE", {}), ("POST", {"repeat": True})],
)
@pytest.mark.parametrize("fault", [None, BUSY])
def test_a_request_that_may_be_repeated_is(
    method: str, keywords: dict[str, Any], fault: bytes | None, pauses: list[float]
) -> None:
    with raw_server(*[[fault]] * 3, [OK]) as server:
        response = Pool(server.make_server(retries=3)).request(method, "/", {}, **keywords)
        assert (response.status, response.repeated, response.lost) == (200, True, fault is None)
    assert pauses == [0.2, 0.4]


def test_other_requests_are_not_repeated_and_all_come_to_an_end() -> None:
    with raw_server([BUSY]) as server:
        assert Pool(server.make_server(retries=3)).request("POST", "/", {}).status == 503
    with raw_server([None]) as server, pytest.raises(HTTPFault, match="hung up"):
        Pool(server.make_server(retries=3)).request("POST", "/", {})
    with raw_server(*[[BUSY]] * 3) as server:
        response = Pool(server.make_server(retries=2)).request("GET", "/", {})
        assert (response.status, response.data, response.repeated) == (503, b"busy", True)
    with raw_server(*[[None]] * 3) as server:
        with pytest.raises(HTTPFault):
            Pool(server.make_server(retries=2)).request("GET", "/", {})
        assert len(server.requests) == 3
    with raw_server([BUSY]) as server:
        pool = Pool(server.make_server(retries=2))
        assert pool.request("GET", "/", {}, retries=0).status == 503


def test_a_conflict_of_two_writers_is_repeated_if_it_is_one() -> None:
    with raw_server([CONFLICT], [OK]) as server:
        response = Pool(server.make_server(retries=1)).request("PUT", "/", {}, conflicts=True)
        assert (response.status, response.repeated, response.lost) == (200, True, False)
    with raw_server([CONFLICT]) as server:
        assert Pool(server.make_server(retries=1)).request("PUT", "/", {}).status == 409


def test_a_repeated_body_is_sent_from_its_start() -> None:
    with raw_server([BUSY], [OK]) as server:
        length = {"Content-Length": "3"}
        Pool(server.make_server(retries=1)).request("PUT", "/", length, io.BytesIO(b"abc"))
        bodies = [request.partition(b"\r\n\r\n")[2] for [request] in server.requests]
    assert bodies == [b"abc", b"abc"]


def test_a_server_that_cannot_be_reached_is_tried_again_whatever_the_method(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def refuse(*arguments: Any) -> None:
        tried.append("connect")
        raise NotConnected("refused")

    monkeypatch.setattr(pool_module, "Connection", refuse)
    with pytest.raises(NotConnected):
        Pool(Server(Endpoint(False, "localhost", 9), retries=2)).request("POST", "/", {})
    assert tried == ["connect"] * 3


def test_tls_needs_a_certificate_of_the_authority_for_the_host(
    tls: tuple[str, Path], tmp_path: Path
) -> None:
    endpoint, ca_file = tls
    host, _, port = endpoint.partition(":")
    server = Server(Endpoint(True, host, int(port)), ca_certs=str(ca_file), retries=0)
    assert Pool(server).request("GET", "/minio/health/live", {"Host": endpoint}).status == 200
    with pytest.raises(NotConnected, match="CERTIFICATE_VERIFY_FAILED"):
        Pool(Server(Endpoint(True, host, int(port)), retries=0)).request("GET", "/", {})
    elsewhere = Endpoint(True, "localhost", int(port))
    with pytest.raises(NotConnected, match="CERTIFICATE_VERIFY_FAILED"):
        Pool(Server(elsewhere, ca_certs=str(ca_file), retries=0)).request("GET", "/", {})
