"""Where the bytes go: into a new object of the storage, whole or not at all."""

from __future__ import annotations

import io
import logging
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import IO, Any

from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, Storage

from django_minio_backend.bgfiles.models import FileRequest

logger = logging.getLogger("django_minio_backend.bgfiles")


class Output(io.BufferedIOBase):
    """What `write_bytes` writes to: counts, keeps the lease, and leaves closing to who opened it.

    A text or zip layer above it may close it when it is done.
    """

    def __init__(self, target: Any, wrote: Callable[[], None]) -> None:
        self._target = target
        self._wrote = wrote
        #: In bytes.
        self.size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, data: Any) -> int:
        length = memoryview(data).nbytes
        self._target.write(data)
        self.size += length
        self._wrote()
        return length


def new_name(request: FileRequest, filename: str) -> str:
    """Return a name that nobody has or can guess, with the suffix that tells the content type."""
    suffix = re.sub(r"[^\w.]", "", PurePath(filename).suffix)[:16]
    field: Any = request.filehandle.field
    return str(field.generate_filename(request, f"{secrets.token_hex(20)}{suffix}"))


@contextmanager
def written(storage: Storage, name: str) -> Iterator[IO[bytes]]:
    """Open a new file for writing. Whatever is raised meanwhile leaves no file behind."""
    try:
        with _opened(storage, name) as target:
            yield target
    except BaseException:
        discard(storage, name)
        raise


@contextmanager
def _opened(storage: Storage, name: str) -> Iterator[IO[bytes]]:
    if isinstance(storage, FileSystemStorage):
        # Only `save` makes folders and sets permissions.
        storage.save(name, ContentFile(b""))
    try:
        target: Any = storage.open(name, "wb")
    except (NotImplementedError, ValueError):
        # A storage that only reads and saves.
        with tempfile.TemporaryFile() as spool:
            yield spool
            spool.seek(0)
            storage.save(name, File(spool))
    else:
        with target:
            yield target


def discard(storage: Storage, name: str) -> None:
    """Delete a file that no row is to name; where that fails it is logged with its name."""
    try:
        storage.delete(name)
    except Exception as error:
        logger.error("The file %s may be left over: %s", name, type(error).__name__)
