"""An uploaded file before a row has it: a receipt, readable as a File."""

from __future__ import annotations

import base64
import hashlib
import io
import logging
import posixpath
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
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

#: A file up to this size, in bytes, comes in one request, by a form that works for an hour. Its
#: version is its SHA-256, since it may be sent again. Parts end with their upload: the version of a
#: larger file is its ETag.
SMALL = 8 * 2**20
#: The type of uploads. A browser does not open it, whoever finds the upload in a public bucket.
PENDING_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Claim:
    """An upload, as the browser carries it: its id, user, field and file. `size` is bytes."""

    kind: ClassVar[str]

    id: str
    user: str
    target: Target
    name: str
    size: int
    content_type: str

    def to_token(self) -> str:
        return tokens.sign(self.kind, {**vars(self), "target": self.target.to_data()})

    @classmethod
    def from_token(cls, token: str) -> Self:
        """Return the claim of a token. Raises BadSignature if it is not ours or too old."""
        data = tokens.load(cls.kind, token)
        return cls(**{**data, "target": Target.from_data(data["target"])})

    @property
    def pending_name(self) -> str:
        return make_pending_name(self.id)


@dataclass(frozen=True)
class Receipt(Claim):
    """An upload that was finished."""

    kind = tokens.RECEIPT

    #: The SHA-256 of a small file, the ETag of another one.
    version: str


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


def read_version(storage: MinioBackend, id: str, size: int, etag: str = "") -> str:
    """Return the version of an upload. Raises ObjectNotFound without one.

    One request, none for a large file whose `etag` is known.
    """
    if size > SMALL:
        return etag or str(storage.stat(make_pending_name(id)).etag)
    return _hash(_read_small(storage, make_pending_name(id)))


def _read_small(storage: MinioBackend, name: str) -> bytes:
    with storage.open(name) as file:
        content: bytes = file.read(SMALL + 1)
    return content


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def make_suffix(id: str, version: str) -> str:
    """Return the 22 characters by which the name of a published file names its upload."""
    digest = hashlib.sha256(f"{id} {version}".encode()).digest()
    return base64.urlsafe_b64encode(digest).decode()[:22]


def make_final_name(name: str, suffix: str, max_length: int | None) -> str:
    """Return a name that nobody else can have: "clip_<suffix>.mp4" for "clip.mp4".

    The stem is cut to the length. Raises SuspiciousFileOperation if that leaves nothing.
    """
    folder, base = posixpath.split(name.replace("\\", "/"))
    stem, extension = posixpath.splitext(base)
    if max_length is not None:
        room = max_length - len(posixpath.join(folder, f"_{suffix}{extension}"))
        if room < 1:
            raise SuspiciousFileOperation(
                f"'{name}' finds no room in {max_length} characters: raise the field's max_length."
            )
        stem = stem[:room]
    final = posixpath.join(folder, f"{stem}_{suffix}{extension}")
    validate_file_name(final, allow_relative_path=True)
    return final


def has_suffix(name: str, suffix: str) -> bool:
    """Return True for a name that `make_final_name` has made with this suffix."""
    stem = posixpath.splitext(posixpath.basename(name))[0]
    return stem.endswith(f"_{suffix}")


class DirectUpload(_File):
    """A file that a browser has uploaded. Reading it gives exactly the version of `receipt`.

    A small file is read whole, a larger one in ranges. Raises ObjectChanged if there is another
    version by now.
    """

    def __init__(self, receipt: Receipt, token: str) -> None:
        self.receipt = receipt
        #: The receipt as the form carries it.
        self.token = token
        self.name = receipt.name
        self.content_type = receipt.content_type
        self.mode = "rb"
        #: The name under which it was published, "" before.
        self.published_as = ""
        self._opened: Any = None

    @classmethod
    def store(cls, target: Target, name: str, content: Any, user: str = "") -> DirectUpload:
        """Store content that came another way as an upload. Two requests, three for a small one."""
        storage, id = target.find_storage(), tokens.make_id()
        kind = choose_type(storage, name, getattr(content, "content_type", None) or "")
        pending = make_pending_name(id)
        storage.save_new(pending, content, PENDING_TYPE, may_compress=False)
        stat = storage.stat(pending)
        version = read_version(storage, id, stat.size, stat.etag)
        receipt = Receipt(id, user, target, name, stat.size, kind, version)
        return cls(receipt, receipt.to_token())

    @property
    def storage(self) -> MinioBackend:
        return self.receipt.target.find_storage()

    @property
    def pending_name(self) -> str:
        return self.receipt.pending_name

    @property
    def suffix(self) -> str:
        return make_suffix(self.receipt.id, self.receipt.version)

    @property
    def is_small(self) -> bool:
        return self.receipt.size <= SMALL

    @property
    def size(self) -> int:
        return self.receipt.size

    @property
    def file(self) -> Any:  # type: ignore[override]
        """The opened file. It is opened when it is first used."""
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> Any:
        name = self.published_as or self.pending_name
        if self.is_small:
            content = _read_small(self.storage, name)
            if _hash(content) != self.receipt.version:
                raise self._make_changed()
            return io.BytesIO(content)
        opened: Any = self.storage.open(name)
        if not self.published_as and opened.etag != self.receipt.version:
            opened.close()
            raise self._make_changed()
        return opened

    def _make_changed(self) -> ObjectChanged:
        return ObjectChanged(f"The upload '{self.name}' was replaced since it was finished.")

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
        """Return True if the upload is there as the receipt describes it. One request.

        A small file stays in memory for its readers.
        """
        try:
            if self.is_small:
                return self.file is not None
            return str(self.storage.stat(self.pending_name).etag) == self.receipt.version
        except (ObjectNotFound, ObjectChanged):
            return False

    def publish(self, name: str) -> None:
        """Give the file its final name, then delete the upload.

        The server copies a file. A small one comes from here, since its name may be written again.
        Publishing again is no error; under another name the file is copied. Raises a StorageError
        if it cannot be done: then the upload is still there.
        """
        if self.published_as == name:
            return
        storage, kind = self.storage, self.receipt.content_type
        source, etag = self.published_as, ""
        if not source:
            source, etag = self.pending_name, self.receipt.version
        try:
            if self.is_small:
                self.open()
                storage.save_new(name, ContentFile(self.read()), kind)
            else:
                storage.copy_file(source, name, etag=etag, content_type=kind)
        except ObjectExists:
            pass  # nobody else can have this name
        except ObjectNotFound:
            if not storage.exists(name):
                raise
        self.published_as = self.published_as or name
        self.close()
        with suppress(StorageError):  # it expires
            storage.delete(self.pending_name)

    def publish_on_commit(self, name: str, using: str | None) -> None:
        """Publish the file when the transaction is committed, or at once outside of one.

        The row is committed then, so a failure is logged. `clean_direct_uploads` repeats it.
        """
        transaction.on_commit(lambda: self._try_to_publish(name), using=using)

    def _try_to_publish(self, name: str) -> None:
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
            content: Any = File(self.open().file, name)
            content.content_type = self.content_type
            return storage.save(name, content, max_length)
        final = make_final_name(name, self.suffix, max_length)
        self.publish(final)
        return final
