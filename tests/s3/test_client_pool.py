"""A project's own urllib3 client sends the requests, and its faults are ours."""

from __future__ import annotations

import pytest
import urllib3

from django_minio_backend.s3.client_pool import ClientPool
from django_minio_backend.s3.http import HTTPFault, TooLong
from tests.hostile import Answer, hostile
from tests.raw import raw_server


def test_a_response_is_read_whole_or_as_it_arrives() -> None:
    with hostile(Answer(200, "content", {"X-Some": "header"})) as server:
        with urllib3.PoolManager(retries=False) as client:
            pool = ClientPool(client, f"http://{server.endpoint}")
            whole = pool.request("GET", "/a?b", {"Host": "here"})
            assert (whole.status, whole.data, whole.headers["x-some"]) == (
                200,
                b"content",
                "header",
            )
            stream = pool.request("GET", "/a?b", {}, stream=True)
            assert (stream.read(3), stream.read(99), stream.read(9)) == (b"con", b"tent", b"")
            stream.close()
            # Both used one connection.
            assert client.connection_from_url(f"http://{server.endpoint}").num_connections == 1
        assert server.requests == ["GET /a?b"] * 2


def test_the_client_sends_our_name() -> None:
    with raw_server([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]) as server:
        with urllib3.PoolManager(retries=False) as client:
            ClientPool(client, server.make_server().endpoint.url).request("GET", "/", {})
    [[request]] = server.requests
    assert b"\r\nUser-Agent: django-minio-backend\r\n" in request


def test_a_body_that_is_cut_is_a_fault() -> None:
    with hostile(Answer(200, "content", cut=3)) as server, urllib3.PoolManager() as client:
        pool = ClientPool(client, f"http://{server.endpoint}")
        with pytest.raises(HTTPFault) as caught:
            pool.request("GET", "/", {})
        assert not caught.value.timed_out


def test_a_body_that_is_too_long_is_not_read_whole() -> None:
    with hostile(Answer(200, "x" * 17 * 2**20)) as server, urllib3.PoolManager() as client:
        with pytest.raises(TooLong):
            ClientPool(client, f"http://{server.endpoint}").request("GET", "/", {})


def test_the_client_repeats_and_says_so() -> None:
    policy = urllib3.Retry(total=2, status_forcelist=[503], backoff_factor=0)
    with hostile(Answer(503), Answer(200)) as server:
        with urllib3.PoolManager(retries=policy) as client:
            pool = ClientPool(client, f"http://{server.endpoint}")
            response = pool.request("GET", "/", {})
            assert (response.status, response.repeated, response.lost) == (200, True, False)
    with hostile(Answer(503)) as server, urllib3.PoolManager(retries=policy) as client:
        pool = ClientPool(client, f"http://{server.endpoint}")
        with pytest.raises(HTTPFault) as caught:
            pool.request("GET", "/", {})
        assert caught.value.status == 503
        assert pool.request("GET", "/", {}, retries=0).status == 503


def test_limits_replace_the_clients() -> None:
    with hostile(Answer(200, headers={"Content-Length": "1"})) as server:
        with urllib3.PoolManager(retries=False, timeout=60) as client:
            pool = ClientPool(client, f"http://{server.endpoint}")
            with pytest.raises(HTTPFault) as caught:
                pool.request("GET", "/", {}, timeout=0.05, retries=1)
    assert caught.value.timed_out
