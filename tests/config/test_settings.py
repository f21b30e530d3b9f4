from __future__ import annotations

from typing import Any

import pytest

from django_minio_backend import MinioBackend
from django_minio_backend.errors import (
    ConfigurationError,
)
from tests.config.conftest import GOOD, declare


def test_django_hands_over_the_options_of_another_alias(settings: Any) -> None:
    other = {**GOOD, "MINIO_ENDPOINT": "other.example.com"}
    declare(settings, default={**GOOD, "MINIO_LOCATION": "below"}, other=other)
    from django.core.files.storage import storages

    storage = storages["other"]
    assert isinstance(storage, MinioBackend)
    assert storage.options.alias == "other"
    assert storage.options.location == ""
    assert MinioBackend(storage_name="other").options.endpoint.url == "https://other.example.com"


def test_keywords_win_over_the_alias(settings: Any) -> None:
    declare(settings, default={**GOOD, "MINIO_LOCATION": "below", "bucket_name": "from-options"})
    assert MinioBackend().bucket == "from-options"
    storage = MinioBackend("keyword-bucket", MINIO_LOCATION="above", replace_existing=True)
    assert storage.bucket == "keyword-bucket"
    assert storage.options.location == "above"
    assert storage.options.replace_existing
    assert storage.options.endpoint.url == "https://minio.example.com:9000"


def test_keywords_that_name_an_endpoint_stand_alone(settings: Any) -> None:
    declare(settings, default={**GOOD, "MINIO_LOCATION": "below"})
    alone = MinioBackend(**{**GOOD, "MINIO_ENDPOINT": "alone.example.com"})
    assert alone.options.location == ""
    with pytest.raises(ConfigurationError, match="MINIO_SECRET_KEY must be set"):
        MinioBackend(MINIO_ENDPOINT="alone.example.com")


def test_an_alias_that_is_not_declared_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"no STORAGES\['nowhere'\].*default, staticfiles"):
        MinioBackend(storage_name="nowhere")


def test_an_alias_without_a_server_hints_at_one_that_has(settings: Any) -> None:
    declare(settings, default={}, media=GOOD)
    with pytest.raises(ConfigurationError, match=r"Storage 'default': .* storage_name='media'"):
        MinioBackend("some-bucket")
    assert MinioBackend("some-bucket", storage_name="media").options.alias == "media"


def test_an_undeclared_bucket_is_private(settings: Any) -> None:
    declare(settings, default=GOOD)
    assert not MinioBackend("undeclared").is_bucket_public
    with pytest.raises(ConfigurationError, match="bucket_name holds the invalid bucket name"):
        MinioBackend("No Bucket")


def test_url_caching_is_still_read_from_flat_settings(settings: Any) -> None:
    declare(settings, default=GOOD)
    settings.MINIO_URL_CACHING_ENABLED = True
    settings.MINIO_URL_CACHE_TIMEOUT = 60
    options = MinioBackend(MINIO_URL_CACHE_TIMEOUT=90).options
    assert options.url_caching_enabled
    assert options.url_cache_timeout == 90


def test_version_4s_keyword_for_parallel_parts_is_understood(settings: Any) -> None:
    declare(settings, default=GOOD)
    assert MinioBackend(num_parallel_uploads=5).options.multipart_parallel == 5
