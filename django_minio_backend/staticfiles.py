"""Static files in a public bucket, with hashed names on request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.contrib.staticfiles.storage import ManifestFilesMixin
from django.core.files.base import File

from django_minio_backend import names, options
from django_minio_backend.compression import TEXT_TYPES, Compression
from django_minio_backend.storage import MinioBackend

# What may change under its name is asked for again soon, what has its hash in its name never.
_CACHED_SHORTLY = "public, max-age=60"
_CACHED_FOR_EVER = "public, max-age=31536000, immutable"
# As Django writes it: twelve digits of a hash before the last extension.
_HASHED = re.compile(r".*\.[0-9a-f]{12}(\.[^./]+)?")
# What else is text as far as a compressor is concerned.
_COMPRESSED_TYPES = (*TEXT_TYPES, "application/wasm", "font/ttf", "font/otf", "image/x-icon")
_GZIP_LEVEL, _BROTLI_LEVEL = 9, 9


class MinioBackendStatic(MinioBackend):
    """Static files in MINIO_STATIC_FILES_BUCKET, which is always public.

    Takes its options from STORAGES["staticfiles"] unless `storage_name` says otherwise.
    """

    DEFAULT_STATIC_FILES_BUCKET = options.DEFAULT_STATIC_FILES_BUCKET
    _public_path = "django_minio_backend.models.MinioBackendStatic"
    _is_static = True

    def url(self, name: str | None, *args: Any, **kwargs: Any) -> str:
        """Return the public link; as in Django "" and "dir/" are bases, "/x" is "x"."""
        path = (name or "").replace("\\", "/").lstrip("/")
        if path == "" or path.endswith("/"):
            return self._links.public(names.folder_prefix(self.options.location, path))
        return super().url(path, *args, **kwargs)

    def is_hashed(self, name: str) -> bool:
        """Say whether a name changes with the file's content."""
        return False

    def replace(self, name: str, content: File[Any]) -> None:
        """Store a file under this name, in place of what may be there."""
        upload = replace(self._upload(name), only_new=False)
        upload.send(self.s3, self._key(name), content)

    def _compression(self) -> Compression:
        encoding = self.options.static_compress
        if not encoding:
            return super()._compression()
        level = _BROTLI_LEVEL if encoding == "br" else _GZIP_LEVEL
        return Compression(_COMPRESSED_TYPES, encoding, level)

    def _default_headers(self, name: str, claim: object) -> Mapping[str, str]:
        return {
            "Content-Type": names.static_content_type(name),
            "Cache-Control": _CACHED_FOR_EVER if self.is_hashed(name) else _CACHED_SHORTLY,
        }


class MinioBackendStaticManifest(ManifestFilesMixin, MinioBackendStatic):  # type: ignore[misc]
    """Static files under names with their hash, which browsers keep for ever.

    Which name a file has is in the manifest that `collectstatic` writes, into the bucket and into
    STATIC_ROOT where that is set. It is read once a process, when it is first needed: from
    STATIC_ROOT where it is there, so that no page waits for the server.
    """

    _public_path = "django_minio_backend.models.MinioBackendStaticManifest"

    def __init__(self, *args: Any, manifest_storage: Any = None, **kwargs: Any) -> None:
        # Not ManifestFilesMixin's, which reads the manifest: making a storage asks nobody.
        super(ManifestFilesMixin, self).__init__(*args, **kwargs)
        del self.hashed_files
        self.manifest_storage = manifest_storage or cast(Any, ManifestFile(self))

    @cached_property
    def _loaded(self) -> tuple[dict[str, str], str]:
        return cast(tuple[dict[str, str], str], self.load_manifest())

    @cached_property
    def hashed_files(self) -> dict[str, str]:  # type: ignore[override]
        return self._loaded[0]

    @cached_property
    def manifest_hash(self) -> str:  # type: ignore[override]
        return self._loaded[1]

    def stored_name(self, name: str) -> str:
        try:
            stored: str = super().stored_name(name)
        except ValueError as error:
            if self.hashed_files:
                raise
            raise ValueError(
                f"There is no {self.manifest_name} in the bucket '{self.bucket}' of storage "
                f"'{self.options.alias}': run `manage.py collectstatic`."
            ) from error
        return stored

    def is_hashed(self, name: str) -> bool:
        return _HASHED.fullmatch(name) is not None

    @classmethod
    def has_own_constructor(cls) -> bool:
        return cls.__init__ is not MinioBackendStaticManifest.__init__


class ManifestFile:
    """Where the manifest is kept: in the bucket, with a copy in STATIC_ROOT that is read first.

    As much of a Storage as Django's `load_manifest` and `save_manifest` use.
    """

    def __init__(self, storage: MinioBackendStatic) -> None:
        self._storage = storage

    def open(self, name: str) -> File[Any]:
        local = self._local(name)
        if local is not None and local.is_file():
            return File(local.open("rb"))
        return self._storage.open(name)

    def exists(self, name: str) -> bool:
        # Django deletes the old one before it saves the new one; it is replaced instead.
        return False

    def _save(self, name: str, content: File[Any]) -> str:
        self._storage.replace(name, content)
        content.seek(0)
        self.keep_copy(name, content.read())
        return name

    def keep_copy(self, name: str, content: bytes) -> None:
        if (local := self._local(name)) is not None:
            local.parent.mkdir(parents=True, exist_ok=True)
            local.write_bytes(content)

    def _local(self, name: str) -> Path | None:
        root = settings.STATIC_ROOT
        return Path(root, name) if root else None
