from __future__ import annotations

import pytest

from django_minio_backend.errors import (
    ConfigurationError,
)
from tests.config.conftest import parse


def test_bad_object_headers_of_a_callable_are_reported_on_use() -> None:
    options = parse(MINIO_OBJECT_HEADERS=lambda name: {"Cache-Control": "\n"})
    with pytest.raises(ConfigurationError, match="MINIO_OBJECT_HEADERS has a value for"):
        options.headers_for("x")


def test_the_names_of_boto3_are_understood() -> None:
    options = parse(MINIO_OBJECT_HEADERS={"CacheControl": "no-store", "x-amz-meta-a": "b"})
    assert options.headers_for("a.txt") == {"Cache-Control": "no-store", "x-amz-meta-a": "b"}
    with pytest.raises(ConfigurationError, match="has 'Cache-Control' twice"):
        parse(MINIO_OBJECT_HEADERS={"CacheControl": "a", "Cache-Control": "b"})
