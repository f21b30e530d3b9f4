"""What a storage is told and what it is known by: options, copies, pickles, migrations."""

from __future__ import annotations

import copy
import pickle
from typing import Any, Self

from django.core.files.storage import Storage

from django_minio_backend import declared, options, sdk
from django_minio_backend.client import Client
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.links import links_for

# Live objects that a pickle cannot carry and that a copy without them would not do without.
_UNPICKLABLE = ("sse", "http_client", "MINIO_HTTP_CLIENT", "progress")


class ConfiguredStorage(Storage):
    """A storage made of options, which it keeps, and of what it needs to act on them.

    Raises ConfigurationError for bad input; asks the network nothing.
    """

    _public_path = ""
    _is_static = False
    _constructed: tuple[tuple[Any, ...], dict[str, Any]]

    def __init__(
        self, bucket_name: str = "", storage_name: str | None = None, **keywords: Any
    ) -> None:
        given = {
            **({"bucket_name": bucket_name} if bucket_name else {}),
            **({"storage_name": storage_name} if storage_name else {}),
            **keywords,
        }
        self.options = declared.for_storage(given, static=self._is_static)
        self._beyond_alias = declared.beyond_alias(self.options.alias, given)
        self._credentials = sdk.credentials_source(self.options)
        self.s3 = Client(self.options, self._credentials)
        self._links = links_for(self.options, self._credentials)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        storage = super().__new__(cls)
        storage._constructed = (args, kwargs)
        return storage

    def __repr__(self) -> str:
        parsed = self.options
        return (
            f"<{type(self).__name__} storage={parsed.alias!r} bucket={parsed.bucket!r} "
            f"endpoint={parsed.endpoint.url!r}>"
        )

    # Copies, pickles, migrations: what identifies a storage, never its secrets

    def __copy__(self) -> Self:
        # All state is immutable or shared on purpose.
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copy.copy(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave out secrets; what was given as a keyword is then missing when it is loaded."""
        given = self._constructed[1] if self.has_own_constructor() else self._beyond_alias
        if held := [name for name in _UNPICKLABLE if given.get(name) is not None]:
            raise pickle.PicklingError(
                f"{self!r} cannot be pickled: its keyword {held[0]} is a live object or a secret. "
                "Put it into the OPTIONS of an alias."
            )
        args, kwargs = self._identity()
        kept = {k: v for k, v in given.items() if k not in options.SECRET}
        missing = sorted(options.SECRET & set(given))
        return _rebuild, (type(self), args, {**kept, **kwargs}, missing)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Return what a migration writes: the class, the bucket and the alias."""
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
        # Keywords that name an endpoint are of no alias.
        alias = {} if "MINIO_ENDPOINT" in given else {"storage_name": self.options.alias}
        return [], {**bucket, **alias}

    @classmethod
    def has_own_constructor(cls) -> bool:
        """Say whether a subclass decides itself what its constructor takes."""
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
