from __future__ import annotations

import pytest

from django_minio_backend.s3.server import Endpoint


@pytest.mark.parametrize(
    ("endpoint", "netloc", "url"),
    [
        (Endpoint(False, "minio", 9000), "minio:9000", "http://minio:9000"),
        (Endpoint(False, "minio", 80), "minio", "http://minio"),
        (Endpoint(True, "minio", 443, "/files"), "minio", "https://minio/files"),
        (Endpoint(True, "minio", 80), "minio:80", "https://minio:80"),
        (Endpoint(False, "::1", 9000), "[::1]:9000", "http://[::1]:9000"),
    ],
)
def test_an_endpoint_names_its_host_as_the_host_header_does(
    endpoint: Endpoint, netloc: str, url: str
) -> None:
    assert (endpoint.netloc, endpoint.url) == (netloc, url)
