"""`MinioBackend`: Django's Storage contract over one bucket."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import IO, Any, cast

import urllib3
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage, storages
from django.utils import timezone
from django.utils.module_loading import import_string

from django_minio_backend import buckets, declared, health, names, options, policies, pools, sdk
from django_minio_backend.answers import ObjectStat
from django_minio_backend.compression import Compression
from django_minio_backend.configured import ConfiguredStorage
from django_minio_backend.errors import ObjectExists, ObjectNotFound
from django_minio_backend.files import S3File, open_object
from django_minio_backend.links import answer_parameters
from django_minio_backend.parsing import Endpoint
from django_minio_backend.reader import open_content
from django_minio_backend.uploads import Upload, can_rewind, held, is_small

# How often a save looks for another name when others keep taking the one it found.
_ATTEMPTS = 16


class _Guesses(Storage):
    """Names for a save that leaves it to the server to refuse those that are taken."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._tried: set[str] = set()

    def exists(self, name: str) -> bool:
        return name in self._tried

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        return self.storage.get_alternative_name(file_root, file_ext)

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        guess = super().get_available_name(name, max_length)
        self._tried.add(guess)
        return guess


_guesses: ContextVar[_Guesses | None] = ContextVar("guesses", default=None)


class MinioBackend(ConfiguredStorage):
    """Files in one bucket of an S3 server.

    `bucket_name` defaults to MINIO_DEFAULT_BUCKET; `storage_name` is the alias in STORAGES whose
    OPTIONS apply. Every option may be given as a keyword too, and then wins; so may
    `replace_existing`, `metadata`, `sse`, `progress`, `tags`, `retention`, `legal_hold` and
    `http_client`. Raises ConfigurationError for bad input; asks the network nothing.
    """

    DEFAULT_MEDIA_FILES_BUCKET = options.DEFAULT_MEDIA_FILES_BUCKET
    _public_path = "django_minio_backend.models.MinioBackend"

    # Saving

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return `name`, or a free alternative where existing objects are not to be replaced."""
        fits = max_length is None or len(name) <= max_length
        if fits and self.options.replace_existing:
            return names.clean_name(name)
        guesses = _guesses.get()
        if guesses is None or guesses.storage is not self:
            return super().get_available_name(name, max_length)
        return guesses.get_available_name(name, max_length)

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Store content and return the name it got, which another writer cannot have taken.

        A server that has shown that it refuses taken names is not asked first whether a small
        file's is free. What is not small is not sent in vain.
        """
        if isinstance(content, bytes | bytearray | memoryview | str):
            content = ContentFile(content if isinstance(content, str) else bytes(content))
        if self.options.bucket_check_on_save:
            buckets.ensure_once(self.s3, self.options)
        part_size = self.options.multipart_part_size
        if not self.options.replace_existing:
            content = held(content, part_size)
        only_new = not self.options.replace_existing and is_small(content, part_size)
        token = _guesses.set(_Guesses(self) if only_new and self.s3.refuses_taken_names else None)
        try:
            for _ in range(_ATTEMPTS):
                try:
                    saved = super().save(name, content, max_length=max_length)
                    if only_new and self.s3.refuses_taken_names is None:
                        self.s3.learn(self._key(saved))
                    return saved
                except ObjectExists as error:
                    # The name is taken, perhaps since it was found free: look for another.
                    taken = error
                    if not can_rewind(content):
                        break
            raise taken
        finally:
            _guesses.reset(token)

    def _save(self, name: str, content: File[Any]) -> str:
        self._upload(name, content).send(self.s3, self._key(name), content)
        return names.clean_name(name)

    def _upload(self, name: str, content: object = None) -> Upload:
        parsed = self.options
        return Upload(
            headers=self._headers(name, getattr(content, "content_type", None)),
            part_size=parsed.multipart_part_size,
            parts_from=parsed.multipart_threshold if parsed.multipart_upload else None,
            parallel=parsed.multipart_parallel,
            only_new=not parsed.replace_existing,
            progress=parsed.progress,
            compression=self._compression(),
            stored=self._links.renew,
        )

    def _compression(self) -> Compression:
        return Compression(self.options.gzip)

    def _headers(self, name: str, claim: object) -> dict[str, str]:
        parsed = self.options
        headers = dict(self._default_headers(name, claim))
        for more in (parsed.metadata, parsed.sse, parsed.retention, parsed.headers_for(name)):
            headers = _merged(headers, more)
        if parsed.tags:
            headers["x-amz-tagging"] = parsed.tags
        if parsed.legal_hold:
            headers["x-amz-object-lock-legal-hold"] = "ON"
        return headers

    def _default_headers(self, name: str, claim: object) -> Mapping[str, str]:
        return names.media_headers(name, claim)

    # Reading

    def _open(self, name: str, mode: str = "rb") -> S3File:
        key = self._key(name)
        if self.options.bucket_check_on_save and "w" in mode:
            buckets.ensure_once(self.s3, self.options)

        def opener(mode: str) -> IO[Any]:
            return open_object(self.s3, key, mode, lambda: self._upload(name))

        return S3File(opener, name, mode)

    def open_range(self, name: str, start: int, stop: int | None = None) -> S3File:
        """Open the bytes `[start, stop)` of an object, to its end without `stop`.

        For views that answer HTTP range requests. A range of up to 1 MiB is one request; one that
        begins past the end raises a StorageError with status 416.
        """
        if start < 0 or (stop is not None and stop <= start):
            raise ValueError(f"no bytes are in the range [{start}, {stop})")
        key = self._key(name)

        def opener(mode: str) -> IO[Any]:
            if mode != "rb":
                raise ValueError(f"a range of '{name}' can only be read, with mode 'rb'")
            return open_content(self.s3, key, start, stop)

        return S3File(opener, name, "rb")

    def stat(self, name: str) -> ObjectStat:
        """Return what the server says of an object. Raises ObjectNotFound when there is none."""
        return self.s3.stat(self._key(name))

    def exists(self, name: str) -> bool:
        """Say whether there is such an object; False is the server's word, never an outage's.

        The empty name is the storage's root, which Django's `collectstatic --clear` asks for.
        """
        if name == "":
            return True
        try:
            self.stat(name)
        except ObjectNotFound:
            return False
        return True

    def size(self, name: str) -> int:
        """Return how many bytes reading the file gives."""
        return self.stat(name).content_size

    def get_modified_time(self, name: str) -> datetime.datetime:
        """Return when the file was modified: aware UTC, or naive local time without USE_TZ.

        That is when the object was stored; of one that `copy_storage` brought, when its source was.
        """
        modified = self.stat(name).modified
        if settings.USE_TZ:
            return modified
        return timezone.make_naive(modified, timezone.get_default_timezone())

    def listdir(self, path: str = "") -> tuple[list[str], list[str]]:
        """Return the folders and the files directly below `path`, one request per 1,000."""
        prefix = names.folder_prefix(self.options.location, path)
        folders: list[str] = []
        files: list[str] = []
        for page in self.s3.pages(prefix, delimiter="/"):
            folders += [folder[len(prefix) : -1] for folder in page.prefixes]
            # A key that is the prefix itself marks the folder for some programs.
            files += [entry.key[len(prefix) :] for entry in page.entries if entry.key != prefix]
        return folders, files

    def delete(self, name: str) -> None:
        key = self._key(name)
        self.s3.delete(key)
        self._links.renew(key)

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
    ) -> str:
        """Return a link to the object: public as its bucket, or signed. Makes no request.

        Whatever is asked for beyond the name needs a signature, in a public bucket too: `expires`
        (a timedelta or seconds), another `method`, a version, the `filename` that browsers save
        under, whether they show it `inline`, and S3's `response-…` `parameters`.
        """
        key = self._key(name or "")
        more = answer_parameters(parameters, version_id, filename, inline)
        if not more and expires is None and method == "GET":
            return self._links.public(key) if self.options.is_public else self._links.private(key)
        return self._links.signed(key, method=method, expires=expires, parameters=more)

    def _key(self, name: str) -> str:
        return names.object_key(self.options.location, name)

    # The package's own names

    @property
    def bucket(self) -> str:
        return self.options.bucket

    @property
    def is_bucket_public(self) -> bool:
        return self.options.is_public

    @property
    def PRIVATE_BUCKETS(self) -> list[str]:  # noqa: N802
        return list(self.options.private_buckets)

    @property
    def PUBLIC_BUCKETS(self) -> list[str]:  # noqa: N802
        return list(self.options.public_buckets)

    @property
    def HTTP_CLIENT(self) -> urllib3.PoolManager | None:  # noqa: N802
        return self.options.http_client

    @property
    def base_url(self) -> str:
        """The address that Django uses."""
        return self.options.endpoint.url

    @property
    def base_url_external(self) -> str:
        """The address that browsers use."""
        return self.options.external_endpoint.url

    @property
    def same_endpoints(self) -> bool:
        return self.options.endpoint == self.options.external_endpoint

    @property
    def client(self) -> sdk.Minio:
        """A `minio.Minio` for the internal endpoint, on this process's shared connections."""
        return self._minio(self.options.endpoint)

    @property
    def client_external(self) -> sdk.Minio:
        """A `minio.Minio` for the external endpoint, whose path prefix it cannot know."""
        return self._minio(self.options.external_endpoint)

    def _minio(self, endpoint: Endpoint) -> sdk.Minio:
        manager = pools.manager(pools.Connection.of(self.options), self.options.http_client)
        return sdk.minio_client(self.options, endpoint, manager, self._credentials)

    def is_minio_available(self) -> health.MinioServerStatus:
        """Ask the server whether it is there and takes our credentials, in bounded time."""
        return health.check(self.s3, self.options)

    def check_bucket_existence(self) -> None:
        """Create the bucket when it is missing."""
        buckets.ensure(self.s3, self.options)

    def check_bucket_existences(self, max_workers: int | None = None) -> None:
        """Create what is missing of the alias's declared buckets.

        `max_workers` is version 4's; a few buckets need no threads.
        """
        for bucket in (*self.options.public_buckets, *self.options.private_buckets):
            buckets.ensure(self.s3.for_bucket(bucket), self.options)

    def set_bucket_policy(self, bucket: str, policy: Mapping[str, Any]) -> None:
        self.s3.for_bucket(bucket).set_policy(policy)

    def set_bucket_to_public(self) -> None:
        """Let everybody read the bucket's objects by name; not list, write or delete."""
        self.s3.set_policy(policies.public_read(self.bucket))

    def validate_settings(self) -> None:
        """Kept for callers of version 4: a storage that exists has been validated."""


def configured() -> Iterator[tuple[str, MinioBackend]]:
    """Yield the aliases in STORAGES whose storage is ours, in their order.

    Version 3's settings may be used by fields alone; their storage is "default" then.
    """
    ours = aliases()
    for alias in ours:
        yield alias, cast(MinioBackend, storages[alias])
    if "default" not in ours and declared.uses_flat_settings(ours):
        yield "default", MinioBackend()


def aliases() -> list[str]:
    """Return the aliases in STORAGES whose backend is ours, in their order; makes no storage."""
    return [alias for alias, backend in declared.aliases() if backend_class(backend)]


def backend_class(path: str, base: type[Any] | None = None) -> type[Any] | None:
    """Return the class of a backend that is ours, or a `base`.

    Of one that cannot be imported Django tells.
    """
    try:
        found = import_string(path)
    except ImportError:
        return None
    return found if isinstance(found, type) and issubclass(found, base or MinioBackend) else None


def _merged(headers: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Return `headers` updated by `more`, header names being case-insensitive."""
    replaced = {name.lower() for name in more}
    return {**{n: v for n, v in headers.items() if n.lower() not in replaced}, **more}
