"""`MinioBackendStatic`: static files in a public bucket."""

from __future__ import annotations

from typing import Any

from django_minio_backend import names, options
from django_minio_backend.storage import MinioBackend


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
