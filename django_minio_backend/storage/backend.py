"""`MinioBackend`: Django's Storage on one bucket."""

from __future__ import annotations

import datetime
import posixpath
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import IO, Any, cast

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.storage import storages
from django.core.files.utils import validate_file_name
from django.utils import timezone

from django_minio_backend import names
from django_minio_backend.buckets import apply, declarations, policies
from django_minio_backend.config.settings import uses_version3
from django_minio_backend.errors import ConfigurationError, ObjectExists, ObjectNotFound
from django_minio_backend.s3 import health
from django_minio_backend.s3.client import ALWAYS, MAX_SINGLE_PUT, ONLY_NEW
from django_minio_backend.s3.server import Endpoint
from django_minio_backend.storage import content_types, minio_sdk
from django_minio_backend.storage.aliases import list_aliases
from django_minio_backend.storage.by_parts import UploadsByParts
from django_minio_backend.storage.compression import Compression
from django_minio_backend.storage.content import Readable
from django_minio_backend.storage.content_types import merge_headers
from django_minio_backend.storage.files import S3File, open_object
from django_minio_backend.storage.former_names import FormerNames
from django_minio_backend.storage.identity import ConfiguredStorage
from django_minio_backend.storage.links import (
    PresignedPost,
    make_put_headers,
    make_response_parameters,
)
from django_minio_backend.storage.many import ManyFiles
from django_minio_backend.storage.metadata import FileStat
from django_minio_backend.storage.prefetch import find_prefetched
from django_minio_backend.storage.reader import open_content
from django_minio_backend.storage.saving import save_new
from django_minio_backend.storage.uploads import Upload


class MinioBackend(FormerNames, ManyFiles, UploadsByParts, ConfiguredStorage):
    """Files in one bucket of an S3 server.

    `bucket_name` defaults to MINIO_DEFAULT_BUCKET. `storage_name` is the alias in STORAGES whose
    OPTIONS apply. Each option may be a keyword too, and wins then. Further keywords are
    `replace_existing`, `metadata`, `sse`, `progress`, `tags`, `retention`, `legal_hold` and
    `http_client`. Raises ConfigurationError for wrong options. Uses no network.
    """

    _public_path = "django_minio_backend.models.MinioBackend"

    # Saving

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return `name`, or a free alternative unless the storage replaces existing objects."""
        name = str(name)
        if not self.options.replace_existing:
            names.refuse_folded(name)
            return super().get_available_name(name, max_length)
        _validate_as_django(name)
        return names.make_new_name(name, max_length)

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Store content and return its name, which no other writer can have taken.

        If the server has shown that it refuses taken names, it is not asked first whether the name
        of a small file is free. Large content is sent only after that check.
        """
        if isinstance(content, bytes | bytearray | memoryview | str):
            content = ContentFile(content if isinstance(content, str) else bytes(content))
        if callable(getattr(content, "copy_to", None)):
            # It is on the server already.
            return str(content.copy_to(self, str(name or content.name), max_length))
        self.prepare_bucket()
        name = str(content.name if name is None else name)
        readable = Readable.of(content, self.options.multipart_part_size)
        refuses = self.s3.refuses_taken_names
        guess = readable.is_small and bool(refuses) and not self._stores_itself
        fits = max_length is None or len(name) <= max_length
        taken = []
        # Without a question to a storage the name is the given one.
        if (self.options.replace_existing or (guess and fits)) and not self._has_own_saving:
            try:
                return self._save_directly(name, readable, max_length)
            except ObjectExists:
                taken.append(names.clean_name(name))

        def save(storage: MinioBackend) -> str:
            return super().save(name, readable.content, max_length=max_length)

        if self.options.replace_existing:
            return save(self)
        saved = save_new(self, save, rewinds=readable.rewinds, guess=guess, taken=taken)
        if readable.is_small and refuses is None:
            self.s3.learn(self.key(saved))
        return saved

    def _save_directly(self, name: str, readable: Readable, max_length: int | None) -> str:
        """Store content under this very name, as Django's `save` does if the name is free.

        A longer one is cut. The name is validated once. Raises ObjectExists if it is taken.
        """
        validate_file_name(name, allow_relative_path=True)
        return self._store(names.make_new_name(name, max_length), readable)

    #: True if a subclass decides which names are taken, or how files are stored.
    _stores_itself = False
    #: True if a subclass does that, or chooses names.
    _has_own_saving = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls._stores_itself = _overrides(cls, "exists", "is_name_available", "_save")
        cls._has_own_saving = cls._stores_itself or _overrides(
            cls, "get_available_name", "get_alternative_name"
        )

    def _save(self, name: str, content: File[Any]) -> str:
        return self._store(name, content)

    def _store(self, name: str, content: File[Any] | Readable) -> str:
        upload = self.make_upload(name, getattr(content, "content_type", None))
        upload.send(self.s3, self.key(name), content)
        return names.clean_name(name)

    def make_upload(self, name: str, claim: object = None, **changes: Any) -> Upload:
        """Return the `Upload` for a file of this name.

        `claim` is the content type that came with the file. `changes` are fields of `Upload`.
        """
        options = self.options
        upload = Upload(
            headers=self.make_headers(name, claim),
            part_size=options.multipart_part_size,
            parts_from=options.multipart_threshold if options.multipart_upload else None,
            is_split=options.multipart_upload is None,
            parallel=options.multipart_parallel,
            condition=ALWAYS if options.replace_existing else ONLY_NEW,
            progress=options.progress,
            compression=self._choose_compression(),
            stored=self.renew_link,
        )
        return replace(upload, **changes) if changes else upload

    def _choose_compression(self) -> Compression:
        return Compression(self.options.gzip)

    def make_headers(self, name: str, claim: object = None) -> dict[str, str]:
        """Return the headers for storing a file of this name."""
        options = self.options
        headers = dict(self._make_default_headers(name, claim))
        for more in (options.metadata, options.sse, options.retention, options.headers_for(name)):
            headers = merge_headers(headers, more)
        if options.tags:
            headers["x-amz-tagging"] = options.tags
        if options.legal_hold:
            headers["x-amz-object-lock-legal-hold"] = "ON"
        return headers

    def _make_default_headers(self, name: str, claim: object) -> Mapping[str, str]:
        return content_types.make_media_headers(str(name), claim)

    # Reading

    def _open(self, name: str, mode: str = "rb") -> S3File:
        key = self.key(name)
        if "w" in mode:
            names.refuse_folded(str(name))
            self.prepare_bucket()

        def opener(mode: str) -> IO[Any]:
            return open_object(
                self.s3, key, mode, self.options.unpacked_limit, lambda: self.make_upload(name)
            )

        return S3File.opened_by(opener, name, mode)

    def open_range(self, name: str, start: int, stop: int | None = None) -> S3File:
        """Open the bytes `[start, stop)` of an object, to its end without `stop`.

        It is made for views that serve HTTP ranges. A range of up to 1 MiB is one request. A range
        that starts past the end raises a StorageError with status 416.
        """
        if start < 0 or (stop is not None and stop <= start):
            raise ValueError(f"no bytes are in the range [{start}, {stop})")
        key = self.key(name)

        def opener(mode: str) -> IO[Any]:
            if mode != "rb":
                raise ValueError(f"a range of '{name}' can only be read, with mode 'rb'")
            return open_content(self.s3, key, self.options.unpacked_limit, start, stop)

        return S3File.opened_by(opener, name, "rb")

    def stat(self, name: str) -> FileStat:
        """Return the size, times and headers of an object. Raises ObjectNotFound without one."""
        return FileStat.of(self.s3.stat(self.key(name)))

    def exists(self, name: str) -> bool:
        """Return True if the object exists. False is the server's answer; an outage is an error.

        The empty name is the storage's root. Django's `collectstatic --clear` asks for it.
        """
        if name == "":
            return True
        if str(name).endswith("/"):
            return False  # a folder is no file
        try:
            self._look_up(name)
        except ObjectNotFound:
            return False
        return True

    def _look_up(self, name: str) -> FileStat:
        """Return the size and times of a file, by a listing of `prefetch` or by the server."""
        return find_prefetched(self.s3, self.key(name)) or self.stat(name)

    def size(self, name: str) -> int:
        """Return the number of bytes that reading the file gives."""
        stat = self._look_up(name)
        if not stat.metadata and self._choose_compression().types:
            stat = self.stat(name)  # a listing has the size of the compressed content
        return stat.content_size

    def get_modified_time(self, name: str) -> datetime.datetime:
        """Return the time of modification: aware UTC, or naive local time without USE_TZ.

        It is the time at which the object was stored. A copy by `copy_storage` keeps the time of
        its source.
        """
        modified = self._look_up(name).modified
        if settings.USE_TZ:
            return modified
        return timezone.make_naive(modified, timezone.get_default_timezone())

    def listdir(self, path: str = "", **version_4: Any) -> tuple[list[str], list[str]]:
        """Return the folders and the files directly below `path`, one request per 1,000.

        Further arguments, which version 4 gave to the SDK, are ignored.
        """
        prefix = names.make_prefix(self.options.location, path)
        folders: list[str] = []
        files: list[str] = []
        for page in self.s3.list_pages(prefix, delimiter="/"):
            folders += [folder[len(prefix) : -1] for folder in page.prefixes]
            # Some programs mark a folder by an object whose key is the prefix itself.
            files += [entry.key[len(prefix) :] for entry in page.entries if entry.key != prefix]
        if path == self.bucket and not (folders or files):
            warnings.warn(
                f"listdir('{path}') lists the folder '{path}' in the bucket '{path}', which is "
                "empty. Version 3 listed a bucket; now listdir('') lists this storage's.",
                RuntimeWarning,
                stacklevel=2,
            )
        return folders, files

    def delete(self, name: str) -> None:
        if not name:
            raise ValueError("The name must be given to delete().")
        names.refuse_folded(str(name))
        key = self.key(name)
        self.s3.delete(key)
        self.renew_link(key)

    def url(
        self,
        name: str | None,
        parameters: Mapping[str, str] | None = None,
        expires: datetime.timedelta | float | None = None,
        method: str = "GET",
        *,
        version_id: str | None = None,
        filename: str | None = None,
        inline: bool | None = None,
        content_type: str | None = None,
        size: int | None = None,
        expire: float | None = None,
        http_method: str | None = None,
    ) -> str:
        """Return a link to the object: public if its bucket is, else signed. Makes no request.

        Each further argument makes the link a signed one, also in a public bucket: `expires` (a
        timedelta or seconds), another `method`, a version, the `filename` under which browsers
        save, `inline` to show instead of save, and S3's `response-…` `parameters`. A PUT must have
        this `content_type` and `size` (bytes) if they are given. `presigned_post` can limit more.

        `expire` (seconds), `http_method` and parameters such as `ResponseContentType` are
        django-storages' names.
        """
        expires, method = expires if expire is None else expire, http_method or method
        put = make_put_headers(method, content_type, size)
        if not name and self.options.is_public:
            return self._links.public(self.options.prefix)
        try:
            key = self.key(name or "")
        except SuspiciousFileOperation:
            # A page must not fail because a row has such a name. The link leads nowhere.
            if not name:
                raise
            return self._links.make_dead(name)
        more = make_response_parameters(parameters, version_id, filename, inline)
        if not more and expires is None and method == "GET":
            return self._links.public(key) if self.options.is_public else self._links.private(key)
        return self._links.signed(key, method=method, expires=expires, parameters=more, headers=put)

    def presigned_post(
        self,
        name: str,
        *,
        max_size: int,
        min_size: int = 0,
        content_type: str | None = None,
        expires: datetime.timedelta | float | None = None,
    ) -> PresignedPost:
        """Return a form by which a browser may upload one file. Makes no request.

        The server accepts exactly this name, `min_size` to `max_size` bytes, and this
        `content_type`, by default the one that the name stands for.
        """
        names.refuse_folded(str(name))
        if not 0 <= min_size <= max_size <= MAX_SINGLE_PUT:
            raise ValueError(f"0 <= min_size <= max_size <= {MAX_SINGLE_PUT} does not hold")
        kind = content_type or self._make_default_headers(name, None)["Content-Type"]
        sizes = (min_size, max_size)
        return self._links.post(self.key(name), content_type=kind, sizes=sizes, expires=expires)

    def name_from_url(self, url: str) -> str:
        """Return the name of the file that a link of this storage leads to.

        The link may be public or signed, for the internal or the external address, with HTTP or
        HTTPS. Links of version 4 need no percent-encoding. Raises ValueError for any other link.
        """
        return self._links.find_name(url)

    # The package's own names

    @property
    def bucket(self) -> str:
        return self.options.bucket

    @property
    def is_bucket_public(self) -> bool:
        return self.options.is_public

    @property
    def base_url(self) -> str:
        """The start of the links of a public bucket, ending in "/", as in Django.

        A private bucket has no such attribute.
        """
        if not self.options.is_public:
            raise AttributeError(f"{self!r} is private: its links are signed and have no base.")
        return self._links.public(self.options.prefix)

    @property
    def base_url_external(self) -> str:
        """The address that browsers use."""
        return self.options.external_endpoint.url

    @property
    def same_endpoints(self) -> bool:
        return self.options.endpoint == self.options.external_endpoint

    @property
    def client(self) -> minio_sdk.Minio:
        """A `minio.Minio` for the internal endpoint, with this process's shared connections."""
        return self._minio(self.options.endpoint)

    @property
    def client_external(self) -> minio_sdk.Minio:
        """A `minio.Minio` for the external endpoint. It cannot know the endpoint's path."""
        return self._minio(self.options.external_endpoint)

    def _minio(self, endpoint: Endpoint) -> minio_sdk.Minio:
        manager = self.s3.transport.live.manager
        return minio_sdk.make_minio_client(self.options, endpoint, manager, self._credentials)

    def is_minio_available(self) -> health.MinioServerStatus:
        """Check in bounded time that the server answers and accepts our credentials."""
        return health.check(self.s3)

    def check_bucket_existence(self) -> None:
        """Create the bucket if it is missing."""
        apply.ensure_bucket(self.s3, self._declarations)

    def prepare_bucket(self) -> None:
        """With MINIO_BUCKET_CHECK_ON_SAVE create the bucket if it is missing.

        Each process remembers the buckets that exist, and asks once.
        """
        known = self.s3.transport.live.facts.buckets
        if self.options.bucket_check_on_save and self.bucket not in known:
            self.check_bucket_existence()
            known.add(self.bucket)

    def _declarations(self) -> list[declarations.BucketDeclaration]:
        """Return the declarations of all aliases on this server, and of this storage.

        An alias that cannot be made declares nothing.
        """
        sources = [(self.s3, self.options)]
        for alias in list_aliases():
            with suppress(ConfigurationError):
                storage = cast(MinioBackend, storages[alias])
                if storage.options.endpoint == self.options.endpoint:
                    sources.append((storage.s3, storage.options))
        return [declaration for _, declaration in declarations.merge_declarations(sources)]

    def check_bucket_existences(self, max_workers: int | None = None) -> None:
        """Create the declared buckets that are missing.

        `max_workers` is version 4's. A few buckets need no threads.
        """
        for bucket in (*self.options.public_buckets, *self.options.private_buckets):
            apply.ensure_bucket(self.s3.for_bucket(bucket), self._declarations)

    def set_bucket_policy(self, bucket: str, policy: Mapping[str, Any]) -> None:
        """Give a bucket a policy. Raises ConfigurationError if it is no mapping."""
        if not isinstance(policy, Mapping):
            where = f"Storage '{self.options.alias}', bucket '{bucket}'"
            kind = type(policy).__name__
            raise ConfigurationError(f"{where}: a policy must be a mapping, not {kind}.")
        self.s3.for_bucket(bucket).bucket.set_policy(policy)

    def set_bucket_to_public(self) -> None:
        """Let everybody read the bucket's objects by name, and not list, write or delete them."""
        self.s3.bucket.set_policy(policies.allow_public_read(self.bucket))


def _validate_as_django(name: str) -> None:
    """Raise SuspiciousFileOperation for the names for which Django's storages do."""
    folder, file_name = posixpath.split(name.replace("\\", "/"))
    if ".." in folder.split("/"):
        raise SuspiciousFileOperation(f"Detected path traversal attempt in '{folder}'")
    validate_file_name(file_name)


def _overrides(cls: type[MinioBackend], *methods: str) -> bool:
    return any(getattr(cls, n, None) is not getattr(MinioBackend, n, None) for n in methods)


def list_storages() -> Iterator[tuple[str, MinioBackend]]:
    """Yield the aliases in STORAGES whose storage is ours, in their order.

    With version 3's settings only fields may use a storage of ours. Its alias is "default" then.
    """
    aliases = list_aliases()
    for alias in aliases:
        yield alias, cast(MinioBackend, storages[alias])
    if "default" not in aliases and uses_version3(aliases):
        yield "default", MinioBackend()
