"""Every operation under every fault ends whole, or in a named error, in bounded time.

This is the quick share: a fault at the first request, once and always. `make faults` tries each
request.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from django_minio_backend import MinioBackend
from tests.faults.line import FAULTS
from tests.faults.operations import OPERATIONS
from tests.faults.run import Bench, open_bench
from tools.minio_server import Server

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def bench(server: Server) -> Iterator[Bench]:
    options: dict[str, Any] = {
        **server.options,
        "MINIO_DEFAULT_BUCKET": "t-faults",
        "MINIO_PRIVATE_BUCKETS": ["t-faults"],
    }
    storage = MinioBackend(**options)
    if storage.s3.bucket.exists():
        storage.s3.transport.send("DELETE", headers={"x-minio-force-delete": "true"})
    storage.s3.bucket.create()
    with open_bench(server.endpoint, options) as made:
        yield made


@pytest.mark.parametrize("always", [False, True], ids=["once", "always"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_nothing_is_lost(bench: Bench, operation: str, fault: str, always: bool) -> None:
    bench.try_one(operation, fault, always=always)
