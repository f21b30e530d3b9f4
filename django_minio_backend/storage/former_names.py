"""The names that subclasses and views of versions 3 and 4 use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django_minio_backend.config import options, version3
from django_minio_backend.storage import content_types
from django_minio_backend.storage.identity import ConfiguredStorage


class _Former:
    """An attribute of former versions. Setting it changes an option of the storage."""

    def __init__(
        self, option: str, read: Callable[[options.Options], Any], default: object = None
    ) -> None:
        self._option = option
        self._read = read
        self._default = default

    def __get__(self, storage: ConfiguredStorage | None, cls: type[ConfiguredStorage]) -> Any:
        if storage is None:
            # Version 3 read some from the settings, for the class.
            return version3.read_settings().get(self._option, self._default)
        return self._read(storage.options)

    def __set__(self, storage: ConfiguredStorage, value: object) -> None:
        storage._configure({**storage._keywords, self._option: value})


class FormerNames(ConfiguredStorage):
    """The attributes and methods of a storage in versions 3 and 4."""

    DEFAULT_MEDIA_FILES_BUCKET = options.DEFAULT_MEDIA_FILES_BUCKET
    DEFAULT_STATIC_FILES_BUCKET = options.DEFAULT_STATIC_FILES_BUCKET
    DEFAULT_PRIVATE_BUCKETS = (DEFAULT_MEDIA_FILES_BUCKET, DEFAULT_STATIC_FILES_BUCKET)
    MINIO_MEDIA_FILES_BUCKET = _Former(
        "MINIO_DEFAULT_BUCKET", lambda o: o.default_bucket, DEFAULT_MEDIA_FILES_BUCKET
    )
    MINIO_STATIC_FILES_BUCKET = _Former(
        "MINIO_STATIC_FILES_BUCKET", lambda o: o.static_bucket, DEFAULT_STATIC_FILES_BUCKET
    )
    PRIVATE_BUCKETS = _Former("MINIO_PRIVATE_BUCKETS", lambda o: list(o.private_buckets))
    PUBLIC_BUCKETS = _Former("MINIO_PUBLIC_BUCKETS", lambda o: list(o.public_buckets))
    HTTP_CLIENT = _Former("http_client", lambda o: o.http_client)
    url_caching_enabled = _Former("MINIO_URL_CACHING_ENABLED", lambda o: o.url_caching_enabled)
    url_cache_timeout = _Former("MINIO_URL_CACHE_TIMEOUT", lambda o: o.url_cache_seconds)
    cache_prefix = _Former("MINIO_URL_CACHE_PREFIX", lambda o: o.url_cache_prefix)
    _BUCKET_NAME = _Former("bucket_name", lambda o: o.bucket)
    _REPLACE_EXISTING = _Former("replace_existing", lambda o: o.replace_existing)

    @property
    def _META_KWARGS(self) -> Mapping[str, Any]:  # noqa: N802
        return self._keywords

    @staticmethod
    def _guess_content_type(file_path_name: str, content: object) -> str:
        return content_types.choose_content_type(
            file_path_name, getattr(content, "content_type", None)
        )

    def _generate_url(self, name: str) -> str:
        return self.url(name)

    def validate_settings(self) -> None:
        """Do nothing: the options are checked already."""
