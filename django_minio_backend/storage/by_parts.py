"""Uploads in parts by somebody else, such as a browser, and copies that the server makes."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any

from django.core.files.base import File

from django_minio_backend.errors import ConfigurationError
from django_minio_backend.s3 import quirks
from django_minio_backend.s3.client import ONLY_NEW
from django_minio_backend.s3.copying import copy_parts
from django_minio_backend.s3.multipart import StoredPart
from django_minio_backend.s3.unfinished import UnfinishedUpload
from django_minio_backend.storage.compression import Compression
from django_minio_backend.storage.identity import ConfiguredStorage
from django_minio_backend.storage.links import PartLinks
from django_minio_backend.storage.reader import FIRST_RANGE, ObjectReader
from django_minio_backend.storage.uploads import Upload


class UploadsByParts(ConfiguredStorage):
    """Methods of a storage for the two steps of an upload that bypasses Django.

    Each is one request unless it says otherwise. The package `direct` is built on them.
    """

    make_headers: Callable[..., dict[str, str]]
    make_upload: Callable[..., Upload]

    def start_parts(self, name: str, content_type: str | None = None) -> str:
        """Start an upload in parts and return its id. It is invisible until it is finished.

        Raises ConfigurationError if each part would need the storage's own encryption key.
        """
        if self.s3.holds_key:
            raise ConfigurationError(
                f"Storage '{self.options.alias}': its files are encrypted with a key that browsers "
                "must not have, so they cannot send parts."
            )
        return self.s3.start_upload(self.key(name), self.make_headers(name, content_type)).id

    def sign_parts(
        self,
        name: str,
        upload_id: str,
        sizes: Sequence[int],
        expires: datetime.timedelta | float | None = None,
    ) -> PartLinks:
        """Return the links for the parts of an upload. Makes no request.

        `sizes` are the bytes of the parts in their order. The server refuses other sizes.
        """
        return self._links.parts(self.key(name), upload_id, sizes, expires)

    @property
    def checks_parts(self) -> bool:
        """True if the server is known to compare a part with its x-amz-checksum-sha256."""
        return quirks.takes_unsigned_checksums(self.s3.transport.server_name)

    def list_parts(self, name: str, upload_id: str) -> list[StoredPart]:
        """Return the parts that have arrived, a request per 1,000.

        Raises UploadNotFound if it was finished or given up.
        """
        return self.s3.get_upload(self.key(name), upload_id).list_parts()

    def finish_parts(self, name: str, upload_id: str, parts: Sequence[StoredPart]) -> None:
        """Make the file of its parts. It replaces an earlier one of the name."""
        key = self.key(name)
        upload = self.s3.get_upload(key, upload_id)
        self.s3.finish_upload(upload, [part.etag for part in parts])
        self.renew_link(key)

    def abort_parts(self, name: str, upload_id: str) -> None:
        """Give up an upload, and delete its parts. It is no error if there is none."""
        self.s3.abort_upload(UnfinishedUpload(self.key(name), upload_id))

    def save_new(
        self,
        name: str,
        content: Any,
        content_type: str | None = None,
        *,
        may_compress: bool = True,
    ) -> None:
        """Store content under exactly this name. Raises ObjectExists if it is taken."""
        changes = {} if may_compress else {"compression": Compression()}
        upload = self.make_upload(name, content_type, condition=ONLY_NEW, **changes)
        upload.send(self.s3, self.key(name), content)

    def copy_file(
        self, source: str, name: str, *, etag: str = "", content_type: str | None = None
    ) -> None:
        """Let the server copy a file of this storage to a name that is free.

        The copy gets the headers of a new file of its name, whose type `content_type` claims.
        Raises ObjectExists if the name is taken, and ObjectChanged if the source has another ETag
        than `etag`. Four requests, one more per GiB; three up to 1 MiB.
        """
        key, source_key = self.key(name), self.key(source)
        stat = self.s3.stat(source_key)
        if etag and stat.etag != etag:
            raise self.s3.make_changed(source_key)
        if stat.size <= FIRST_RANGE or self.s3.holds_key:
            self._copy_through_here(source_key, stat.etag, name, content_type)
            return
        with self.s3.start_upload(key, self.make_headers(name, content_type)) as upload:
            parts = copy_parts(upload, f"{self.bucket_name}/{source_key}", stat.size, stat.etag)
            self.s3.finish_upload(upload, parts, ONLY_NEW)
        self.renew_link(key)

    def _copy_through_here(
        self, source_key: str, etag: str, name: str, content_type: str | None
    ) -> None:
        reader = ObjectReader(self.s3, source_key)
        try:
            if reader.size and reader.etag != etag:
                raise self.s3.make_changed(source_key)
            self.save_new(name, File(reader), content_type)  # type: ignore[arg-type]
        finally:
            reader.close()
