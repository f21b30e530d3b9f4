"""A storage's options and identity: how it is made, copied, pickled and deconstructed."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, Self

from django.apps import apps
from django.core.files.storage import Storage

from django_minio_backend import names
from django_minio_backend.config import credentials, options
from django_minio_backend.config.options import Options
from django_minio_backend.config.settings import drop_alias_options, find_options, is_of_an_alias
from django_minio_backend.errors import ConfigurationError, Location
from django_minio_backend.redaction import redact
from django_minio_backend.s3.client import Client
from django_minio_backend.storage.links import Links, make_links
from django_minio_backend.storage.prefetch import forget_prefetched

# Live objects that a pickle cannot carry. A copy without them would not work.
_UNPICKLABLE = ("sse", "http_client", "MINIO_HTTP_CLIENT", "progress")


class _BucketName:
    """Reads the bucket of a storage. A subclass may have an attribute of its own instead."""

    def __get__(self, storage: ConfiguredStorage | None, cls: type[ConfiguredStorage]) -> str:
        return storage.options.bucket if storage is not None else ""


class ConfiguredStorage(Storage):
    """A storage with its options, and the objects made of them.

    Raises ConfigurationError for wrong options. Uses no network. A storage of an alias in STORAGES,
    or one that is made while models load, raises it on first use, so that `check` can report the
    mistake before.
    """

    _public_path = ""
    _is_static = False
    _constructed: tuple[tuple[Any, ...], dict[str, Any]]

    #: The keywords of the constructor; none if a subclass skips it.
    _keywords: Mapping[str, Any] = MappingProxyType({})
    _META_ARGS: tuple[Any, ...] = ()

    def __init__(
        self, bucket_name: str = "", storage_name: str | None = None, *args: Any, **keywords: Any
    ) -> None:
        # Version 3 accepted anything after the bucket's name.
        if storage_name is not None and not isinstance(storage_name, str):
            storage_name, args = None, (storage_name, *args)
        self._META_ARGS = args
        keywords = redact(keywords, options.SECRET)
        bucket = {"bucket_name": bucket_name} if bucket_name else {}
        alias = {"storage_name": storage_name} if storage_name else {}
        keywords = {**bucket, **alias, **keywords}
        try:
            self._configure(keywords)
        except ConfigurationError:
            # `check` reports all mistakes at once then, and using the storage raises this one.
            if apps.models_ready and not is_of_an_alias(keywords):
                raise

    def _configure(self, given: Mapping[str, Any]) -> None:
        """Replace the options. Raises ConfigurationError."""
        self._keywords = MappingProxyType(dict(given))
        for name in ("options", "s3", "_credentials", "_links"):
            self.__dict__.pop(name, None)
        _ = self.options, self.s3, self._links

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        storage = super().__new__(cls)
        storage._constructed = (args, redact(kwargs, options.SECRET))
        return storage

    @cached_property
    def options(self) -> Options:
        return find_options(self._keywords, static=self._is_static)

    @cached_property
    def s3(self) -> Client:
        location = Location(self.options.alias, self.options.bucket)
        return Client(self.options.server, location, self._credentials, self.options.sse)

    @cached_property
    def _credentials(self) -> credentials.CredentialsSource:
        return credentials.choose_credentials(self.options)

    @cached_property
    def _links(self) -> Links:
        return make_links(self.options, self._credentials)

    #: The bucket, by the name that other packages' storages have for it.
    bucket_name = _BucketName()

    def key(self, name: str) -> str:
        """Return the key of an object. Raises SuspiciousFileOperation for an invalid name."""
        return names.make_key(self.options.location, name)

    def renew_link(self, key: str) -> None:
        """Forget the cached links, and the prefetched state, of an object that has changed."""
        self._links.renew(key)
        forget_prefetched(self.s3, key)

    @property
    def _beyond_alias(self) -> dict[str, Any]:
        return drop_alias_options(self.options.alias, self._keywords)

    def __repr__(self) -> str:
        try:
            options = self.options
        except ConfigurationError as error:
            return f"<{type(self).__name__}: {error}>"
        return (
            f"<{type(self).__name__} storage={options.alias!r} bucket={options.bucket!r} "
            f"endpoint={options.endpoint.url!r}>"
        )

    # Copies, pickles, migrations: they carry a storage's identity and never its secrets

    def __copy__(self) -> Self:
        # The state is immutable, or shared on purpose.
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copy.copy(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave out secrets. A secret that was a keyword is missing when the pickle is loaded."""
        given = self._constructed[1] if self.has_own_constructor() else self._beyond_alias
        if unpicklable := [name for name in _UNPICKLABLE if given.get(name) is not None]:
            raise pickle.PicklingError(
                f"{self!r} cannot be pickled: its keyword {unpicklable[0]} is a live object or a "
                "secret. Put it into the OPTIONS of an alias."
            )
        args, kwargs = self._identity()
        public = {k: v for k, v in given.items() if k not in options.SECRET}
        missing = sorted(options.SECRET & set(given))
        return _rebuild, (type(self), args, {**public, **kwargs}, missing)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Return the class, the bucket and the alias for a migration."""
        cls = type(self)
        path = vars(cls).get("_public_path", f"{cls.__module__}.{cls.__qualname__}")
        args, kwargs = self._identity()
        return path, args, kwargs

    def _identity(self) -> tuple[list[Any], dict[str, Any]]:
        if self.has_own_constructor():
            args, kwargs = self._constructed
            return list(args), {k: v for k, v in kwargs.items() if k not in options.NAMES}
        given = self._beyond_alias
        bucket = {"bucket_name": given["bucket_name"]} if "bucket_name" in given else {}
        # Keywords with an endpoint belong to no alias.
        alias = {} if "MINIO_ENDPOINT" in given else {"storage_name": self.options.alias}
        return [], {**bucket, **alias}

    @classmethod
    def has_own_constructor(cls) -> bool:
        """Return True if a subclass has a constructor with arguments of its own."""
        return cls.__init__ is not ConfiguredStorage.__init__


def _rebuild(
    cls: type[ConfiguredStorage], args: list[Any], kwargs: dict[str, Any], missing: list[str]
) -> ConfiguredStorage:
    if missing:
        raise ConfigurationError(
            f"{cls.__name__} was pickled without its keyword {missing[0]}, which is a secret: "
            "put it into the OPTIONS of an alias."
        )
    return cls(*args, **kwargs)
