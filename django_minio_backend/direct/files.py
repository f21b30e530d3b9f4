"""An uploaded file before a row has it: a receipt, readable as a File."""

from __future__ import annotations

import logging
import posixpath
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import File
from django.core.files.utils import validate_file_name
from django.db import transaction

from django_minio_backend import MinioBackend
from django_minio_backend.direct import conf, tokens
from django_minio_backend.direct.targets import Target
from django_minio_backend.errors import ObjectChanged, ObjectExists, ObjectNotFound, StorageError

logger = logging.getLogger("django_minio_backend.direct")

if TYPE_CHECKING:
    _File = File[Any]
else:
    _File = File  # not generic at run time

_ID = re.compile(r"_([A-Za-z0-9_-]{22})(?:\.[^./]*)?$")


@dataclass(frozen=True)
class Receipt:
    """A finished upload: its id, user, field, and what was stored. `size` is bytes."""

    id: str
    user: str
    target: Target
    name: str
    size: int
    content_type: str
    etag: str

    def to_token(self) -> str:
        data = {"i": self.id, "u": self.user, "t": self.target.to_data(), "n": self.name}
        more = {"s": self.size, "c": self.content_type, "e": self.etag}
        return tokens.sign(tokens.RECEIPT, {**data, **more})

    @classmethod
    def from_token(cls, token: str) -> Receipt:
        """Return the receipt of a token. Raises BadSignature if it is not ours or too old."""
        data = tokens.load(tokens.RECEIPT, token)
        target = Target.from_data(data["t"])
        return cls(data["i"], data["u"], target, data["n"], data["s"], data["c"], data["e"])


def find_place(storage: MinioBackend) -> tuple[object, ...]:
    """Return what tells storages apart: those of one place have the same files."""
    return storage.base_url_external, storage.bucket, storage.key("x")


def choose_type(storage: MinioBackend, name: str, content_type: str) -> str:
    """Return the type that a file of this name gets. The browser only claims one."""
    kind = storage.make_headers(name, content_type)["Content-Type"]
    return kind.partition(";")[0].strip().lower()


def make_pending_name(id: str) -> str:
    """Return the name of an upload that no row has yet."""
    return f"{conf.get_prefix()}{id}"


def make_final_name(name: str, id: str, max_length: int | None) -> str:
    """Return a name that nobody else can have: "clip_<id>.mp4" for "clip.mp4".

    The stem is cut to the length. Raises SuspiciousFileOperation if that leaves nothing.
    """
    folder, base = posixpath.split(name.replace("\\", "/"))
    stem, extension = posixpath.splitext(base)
    if max_length is not None:
        room = max_length - len(posixpath.join(folder, f"_{id}{extension}"))
        if room < 1:
            raise SuspiciousFileOperation(
                f"'{name}' finds no room in {max_length} characters: raise the field's max_length."
            )
        stem = stem[:room]
    final = posixpath.join(folder, f"{stem}_{id}{extension}")
    validate_file_name(final, allow_relative_path=True)
    return final


def read_id(name: str) -> str:
    """Return the id in a name of `make_final_name`, "" without one."""
    found = _ID.search(name)
    return found[1] if found else ""


class DirectUpload(_File):
    """A file that a browser has uploaded. Reading it requests ranges of the version that
    `receipt` describes. It raises ObjectChanged if there is another one by now.
    """

    def __init__(self, receipt: Receipt, token: str) -> None:
        self.receipt = receipt
        #: The receipt as the form carries it.
        self.token = token
        self.name = receipt.name
        self.content_type = receipt.content_type
        self.mode = "rb"
        #: True if it has its final name.
        self.is_published = False
        self._opened: Any = None

    @classmethod
    def store(cls, target: Target, name: str, content: Any, user: str = "") -> DirectUpload:
        """Store content that came another way as an upload. One request, and one to look."""
        storage, id = target.find_storage(), tokens.make_id()
        kind = choose_type(storage, name, getattr(content, "content_type", None) or "")
        pending = storage.save(make_pending_name(id), _Typed(content, kind))
        stat = storage.stat(pending)
        receipt = Receipt(id, user, target, name, stat.size, kind, stat.etag)
        return cls(receipt, receipt.to_token())

    @property
    def storage(self) -> MinioBackend:
        return self.receipt.target.find_storage()

    @property
    def pending_name(self) -> str:
        return make_pending_name(self.receipt.id)

    @property
    def size(self) -> int:
        return self.receipt.size

    @property
    def file(self) -> Any:  # type: ignore[override]
        """The opened file. It is opened when it is first used."""
        if self._opened is None:
            opened: Any = self.storage.open(self.pending_name)
            if opened.size and opened.etag != self.receipt.etag:
                opened.close()
                raise ObjectChanged(f"The upload '{self.name}' was replaced since it was finished.")
            self._opened = opened
        return self._opened

    @property
    def closed(self) -> bool:
        return bool(self._opened is not None and self._opened.closed)

    def open(self, mode: str | None = None, *args: Any, **kwargs: Any) -> DirectUpload:
        """Rewind, or open again after it was closed. Raises ValueError for a mode to write."""
        if mode not in {None, "rb"}:
            raise ValueError(f"An upload can only be read, with mode 'rb', not {mode!r}.")
        if self.closed:
            self._opened = None
        self.seek(0)
        return self

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        self.open()
        while data := self.read(chunk_size or self.DEFAULT_CHUNK_SIZE):
            yield data

    def exists(self) -> bool:
        """Return True if the upload is there as the receipt describes it. One request."""
        try:
            return self.storage.stat(self.pending_name).etag == self.receipt.etag
        except ObjectNotFound:
            return False

    def publish(self, name: str) -> None:
        """Give the file its final name: the server copies it, then the upload is deleted.

        It is no error if that was done before. Raises a StorageError if it cannot be done: then
        the upload is still there.
        """
        storage, receipt = self.storage, self.receipt
        try:
            kind = receipt.content_type
            storage.copy_file(self.pending_name, name, etag=receipt.etag, content_type=kind)
        except ObjectExists:
            pass  # nobody else can have this name
        except ObjectNotFound:
            if not storage.exists(name):
                raise
        self.is_published = True
        with suppress(StorageError):  # it expires
            storage.delete(self.pending_name)

    def publish_on_commit(self, name: str, using: str | None) -> None:
        """Publish the file when the transaction is committed, or at once outside of one.

        The row is committed then, so a failure is logged. `clean_direct_uploads` repeats it.
        """
        transaction.on_commit(lambda: self._try_to_publish(name), using=using)

    def _try_to_publish(self, name: str) -> None:
        if self.is_published:
            return  # the row was saved twice
        try:
            self.publish(name)
        except Exception:
            logger.exception(
                "The file '%s' of a saved row could not be published: run "
                "'manage.py clean_direct_uploads'.",
                name,
            )

    def copy_to(self, storage: MinioBackend, name: str, max_length: int | None) -> str:
        """Save the file in a storage, for its `save`. Return the name.

        The server copies it if it is in the same storage. Else it is read.
        """
        if find_place(self.storage) != find_place(storage):
            return storage.save(name, File(_as_io(self.file), name), max_length)
        final = make_final_name(name, self.receipt.id, max_length)
        self.publish(final)
        return final


class _Typed(_File):
    """Content of another type than it claims."""

    def __init__(self, content: Any, content_type: str) -> None:
        super().__init__(content)
        self.content_type = content_type


def _as_io(file: Any) -> IO[Any]:
    return file  # type: ignore[no-any-return]
