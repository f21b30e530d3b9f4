from __future__ import annotations

import os
import threading
from typing import Any

import pytest
import urllib3
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend
from django_minio_backend.s3 import pool
from django_minio_backend.s3.http import Connection
from tests.conftest import Buckets
from tests.hostile import Answer, hostile
from tests.scripts import run_script
from tools.minio_server import Server


def manager_of(storage: MinioBackend) -> urllib3.PoolManager:
    return storage.s3.transport.live.manager


def pool_of(storage: MinioBackend) -> pool.Requester:
    return storage.s3.transport.live.pool


def test_storages_of_one_connection_share_a_pool(buckets: Buckets) -> None:
    assert pool_of(MinioBackend()) is pool_of(MinioBackend(buckets.public))
    assert pool_of(MinioBackend()) is not pool_of(MinioBackend(MINIO_READ_TIMEOUT=7))
    assert manager_of(MinioBackend()) is manager_of(MinioBackend(buckets.public))


def test_threads_share_a_pool_and_reuse_its_connections(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Connection] = []

    class Counted(Connection):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            opened.append(self)

    monkeypatch.setattr(pool, "Connection", Counted)
    threads_count = 4
    start = threading.Barrier(threads_count, timeout=30)

    def work(number: int) -> None:
        start.wait()
        for round_ in range(5):
            MinioBackend(MINIO_READ_TIMEOUT=59).save(f"{number}/{round_}", ContentFile(b"x"))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(threads_count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(MinioBackend().listdir("0")[1]) == 5
    assert 1 <= len(opened) <= threads_count


def test_a_projects_own_client_is_used_as_it_is(buckets: Buckets) -> None:
    settings_client, keyword_client = urllib3.PoolManager(), urllib3.PoolManager()
    storage = MinioBackend(MINIO_HTTP_CLIENT=settings_client)
    assert manager_of(storage) is storage.HTTP_CLIENT is settings_client
    storage = MinioBackend(MINIO_HTTP_CLIENT=settings_client, http_client=keyword_client)
    assert manager_of(storage) is keyword_client


def test_time_outs_and_retries_are_those_of_the_options() -> None:
    storage = MinioBackend(MINIO_CONNECT_TIMEOUT=1.5, MINIO_READ_TIMEOUT=2, MINIO_RETRIES=1)
    keywords = manager_of(storage).connection_pool_kw
    assert (keywords["timeout"].connect_timeout, keywords["timeout"].read_timeout) == (1.5, 2)
    assert keywords["retries"].total == 1
    # MinIO asks for a minute when it is busy.
    assert not keywords["retries"].respect_retry_after_header


def test_a_proxy_is_asked_for_the_whole_address() -> None:
    found = Answer(200, headers={"Last-Modified": "Sat, 21 Nov 2026 11:50:09 GMT", "ETag": "e"})
    with hostile(found) as proxy:
        with urllib3.ProxyManager(f"http://{proxy.endpoint}") as client:
            storage = MinioBackend("some-bucket", http_client=client)
            assert storage.exists("a.txt")
        assert proxy.requests == ["HEAD http://127.0.0.1:9/some-bucket/a.txt"]


FORK = """
from django.core.files.base import ContentFile
from django_minio_backend import MinioBackend
from django_minio_backend.s3 import pool
from django_minio_backend.s3.http import Connection
import urllib3
own = urllib3.PoolManager()
storages = [MinioBackend(sys.argv[1]), MinioBackend(sys.argv[1], http_client=own)]
for storage in storages:
    storage.save("parent.txt", ContentFile(b"x"))
def pool_of(storage):
    live, at = storage.s3.transport.live, storage.options.endpoint
    own = live.server.http_client
    return live.pool if own is None else own.connection_from_host(at.host, at.port, at.scheme)
def count(pool):
    return len(pool._idle) if hasattr(pool, "_idle") else pool.num_connections
before = [pool_of(storage) for storage in storages]
if os.fork() == 0:
    after = [pool_of(storage) for storage in storages]
    for storage in storages:
        storage.save("child.txt", ContentFile(b"x"))
    os._exit(0 if not any(a is b for a, b in zip(before, after)) else 1)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0, "the child shares the parent's pool"
for storage in storages:
    assert storage.open("parent.txt").read() == b"x"
    assert count(pool_of(storage)) == 1, "the parent lost its connection"
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_makes_its_own_connections(buckets: Buckets, server: Server) -> None:
    run_script(FORK, server, buckets.private)
