"""The settings of Django's own tests. `FileSystemStorage` is a storage of ours there."""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import Any

from django.core.files import storage as django_storage
from django.core.files.storage import filesystem
from django.utils.functional import cached_property

from django_minio_backend import MinioBackend
from tools.django_tests.server import *  # noqa: F403
from tools.django_tests.server import SERVER

OPTIONS: dict[str, Any] = {
    **SERVER,
    "MINIO_DEFAULT_BUCKET": "django-tests",
    "MINIO_PUBLIC_BUCKETS": ["django-tests"],
}


class Disk(MinioBackend):
    """A storage with the arguments of a FileSystemStorage. A folder is a location of the bucket."""

    # Django 4.2's tests change it.
    OS_OPEN_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL

    def __init__(
        self,
        location: object = None,
        base_url: str | None = None,
        allow_overwrite: bool = False,
        **ignored: object,
    ) -> None:
        self._folder, self._url = location, base_url
        folder = hashlib.sha256(str(location).encode()).hexdigest()[:12]
        options: dict[str, Any] = {**OPTIONS, "MINIO_LOCATION": folder}
        super().__init__(**options, replace_existing=allow_overwrite)

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        # Tests remove the folder if there is one.
        os.makedirs(self.location, exist_ok=True)
        return super().save(name, content, max_length)

    @cached_property
    def location(self) -> str:
        return os.path.abspath(str(self._folder or "media"))


def remove_folder(path: Any, *args: Any, **keywords: Any) -> None:
    """Remove a folder, and the objects that stand for its files."""
    _remove_folder(path, *args, **keywords)
    storage = Disk(path)
    pages = list(storage.s3.list_pages(storage.options.prefix))
    storage.delete_keys([entry.key for page in pages for entry in page.entries])


_remove_folder = shutil.rmtree
shutil.rmtree = remove_folder  # type: ignore[assignment]
for module in (django_storage, filesystem):
    setattr(module, "FileSystemStorage", Disk)  # noqa: B010
