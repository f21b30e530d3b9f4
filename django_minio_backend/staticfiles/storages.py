"""Static files in a public bucket, with hashed names on request."""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Mapping
from functools import cached_property
from typing import Any, cast
from urllib.parse import urljoin

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import ManifestFilesMixin
from django.core.files.base import File
from django.utils.encoding import filepath_to_uri

from django_minio_backend import names
from django_minio_backend.config.parsers import TEXT_TYPES
from django_minio_backend.s3.client import ALWAYS
from django_minio_backend.staticfiles.manifest_file import ManifestFile
from django_minio_backend.storage import content_types
from django_minio_backend.storage.backend import MinioBackend
from django_minio_backend.storage.compression import Compression

# Browsers ask again soon for a file that may change under its name, and never for one with a hash.
_CACHED_SHORTLY = "public, max-age=60"
_CACHED_FOR_EVER = "public, max-age=31536000, immutable"
# Django's form: twelve digits of a hash before the last extension.
_HASHED = re.compile(r".*\.[0-9a-f]{12}(\.[^./]+)?")
# Further types that compress well.
_COMPRESSED_TYPES = (*TEXT_TYPES, "application/wasm", "font/ttf", "font/otf", "image/x-icon")
_GZIP_LEVEL, _BROTLI_LEVEL = 9, 9


def is_developing() -> bool:
    """Return True under `runserver` with DEBUG, which serves the files of the finders itself."""
    serves = "runserver" in sys.argv[1:2] and "--nostatic" not in sys.argv
    return settings.DEBUG and serves and apps.is_installed("django.contrib.staticfiles")


class MinioBackendStatic(MinioBackend):
    """Static files in MINIO_STATIC_FILES_BUCKET, which is always public.

    The options are those of STORAGES["staticfiles"], or of `storage_name`.
    """

    _public_path = "django_minio_backend.models.MinioBackendStatic"
    _is_static = True
    #: The attributes of ManifestFilesMixin, for storages that have a manifest.
    manifest_name = ""
    manifest_storage: Any
    hashed_files: dict[str, str]

    def listdir(self, path: str = "", **version_4: Any) -> tuple[list[str], list[str]]:
        folders, files = super().listdir(path, **version_4)
        self._folders |= {posixpath.join(str(path), folder) for folder in folders}
        return folders, files

    def exists(self, name: str) -> bool:
        """Return True if there is such a file, or a folder that has been listed.

        Django's `collectstatic --clear` asks for each folder before it looks into it.
        """
        return str(name) in self._folders or super().exists(name)

    @cached_property
    def _folders(self) -> set[str]:
        return set()

    def url(self, name: str | None, *args: Any, **kwargs: Any) -> str:
        """Return the public link. As in Django, "" and "dir/" are bases, and "/x" is "x"."""
        path = str(name or "").replace("\\", "/").lstrip("/")
        if path == "" or path.endswith("/"):
            return self._links.public(names.make_prefix(self.options.location, path))
        if self.options.static_use_finders and is_developing() and finders.find(path):
            return urljoin(settings.STATIC_URL or "/", filepath_to_uri(path))
        return super().url(path, *args, **kwargs)

    def is_hashed(self, name: str) -> bool:
        """Return True if the name changes with the file's content."""
        return False

    def replace(self, name: str, content: File[Any]) -> None:
        """Store a file under this name, in the place of an existing one."""
        upload = self.make_upload(name, condition=ALWAYS)
        upload.send(self.s3, self.key(name), content)

    def _choose_compression(self) -> Compression:
        encoding = self.options.static_compress
        if not encoding:
            return super()._choose_compression()
        level = _BROTLI_LEVEL if encoding == "br" else _GZIP_LEVEL
        return Compression(_COMPRESSED_TYPES, encoding, level)

    def _make_default_headers(self, name: str, claim: object) -> Mapping[str, str]:
        return {
            "Content-Type": content_types.guess_static_content_type(name),
            "Cache-Control": _CACHED_FOR_EVER if self.is_hashed(name) else _CACHED_SHORTLY,
        }


class MinioBackendStaticManifest(ManifestFilesMixin, MinioBackendStatic):  # type: ignore[misc]
    """Static files under names with their hash, which browsers keep for ever.

    `collectstatic` writes the names into a manifest, in the bucket and in STATIC_ROOT if that is
    set. A process reads it once, when it is first needed, from STATIC_ROOT if it is there, so that
    no page waits for the server.
    """

    _public_path = "django_minio_backend.models.MinioBackendStaticManifest"

    def __init__(self, *args: Any, manifest_storage: Any = None, **kwargs: Any) -> None:
        # Skip ManifestFilesMixin's constructor: it reads the manifest, which is a request.
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
