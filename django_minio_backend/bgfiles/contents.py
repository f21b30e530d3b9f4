"""Where the bytes go: into a new object of the storage, whole or not at all."""

from __future__ import annotations

import io
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, Storage

from django_minio_backend.bgfiles.models import FileRequest, discard


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


@dataclass
class NewFile:
    """A file that is being written; its storage may give it another name by the end."""

    name: str
    target: Any = None


@contextmanager
def written(storage: Storage, name: str) -> Iterator[NewFile]:
    """Open a new file for writing. Whatever is raised meanwhile leaves no file behind."""
    new = NewFile(name)
    try:
        with _opened(storage, new):
            yield new
    except BaseException:
        discard(storage, new.name)
        raise


@contextmanager
def _opened(storage: Storage, new: NewFile) -> Iterator[None]:
    if isinstance(storage, FileSystemStorage):
        # Only `save` makes folders and sets permissions.
        new.name = storage.save(new.name, ContentFile(b""))
    try:
        new.target = storage.open(new.name, "wb")
    except (NotImplementedError, ValueError, FileNotFoundError):
        # A storage that only reads and saves, or makes folders only then.
        with tempfile.TemporaryFile() as new.target:
            yield
            new.target.seek(0)
            new.name = storage.save(new.name, File(new.target))
    else:
        with new.target:
            yield
