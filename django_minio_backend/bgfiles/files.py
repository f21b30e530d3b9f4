"""A new file in the storage, written as a whole or not at all."""

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
    """The buffer of `write_bytes`: counts the bytes, and calls `on_write` after each write.

    A text or zip layer above it may close it. The target stays open then.
    """

    def __init__(self, target: Any, on_write: Callable[[], None]) -> None:
        self._target = target
        self._on_write = on_write
        #: The number of bytes written so far.
        self.size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, data: Any) -> int:
        length = memoryview(data).nbytes
        self._target.write(data)
        self.size += length
        self._on_write()
        return length


def make_name(request: FileRequest, filename: str) -> str:
    """Return a new name that nobody can guess, with the filename's suffix for the content type."""
    suffix = re.sub(r"[^\w.]", "", PurePath(filename).suffix)[:16]
    field: Any = request.filehandle.field
    return str(field.generate_filename(request, f"{secrets.token_hex(20)}{suffix}"))


@dataclass
class NewFile:
    """A file that is being written. Its storage may give it another name by the end."""

    name: str
    target: Any = None


@contextmanager
def new_file(storage: Storage, name: str) -> Iterator[NewFile]:
    """Open a new file for writing. An exception in the block leaves no file behind."""
    new = NewFile(name)
    try:
        with _open_file(storage, new):
            yield new
    except BaseException:
        discard(storage, new.name)
        raise


@contextmanager
def _open_file(storage: Storage, new: NewFile) -> Iterator[None]:
    if isinstance(storage, FileSystemStorage):
        # Only `save` makes folders and sets permissions.
        new.name = storage.save(new.name, ContentFile(b""))
    try:
        new.target = storage.open(new.name, "wb")
    except (NotImplementedError, ValueError, FileNotFoundError):
        # A storage that cannot write, or that makes folders only when it saves.
        with tempfile.TemporaryFile() as new.target:
            yield
            new.target.seek(0)
            new.name = storage.save(new.name, File(new.target))
    else:
        with new.target:
            yield
