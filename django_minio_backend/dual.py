"""A site that moves: files are read from the new storage or the old one, and written to the new."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

from django.core import signing
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import File
from django.core.files.storage import InvalidStorageError, Storage, storages
from django.urls import NoReverseMatch, reverse
from django.utils.deconstruct import deconstructible
from django.utils.functional import LazyObject, empty

from django_minio_backend.errors import ConfigurationError
from django_minio_backend.storage import MinioBackend

#: How long a link finds its file at most; signed links of S3 last no longer.
LINK_AGE = datetime.timedelta(days=7)
_SALT = "django_minio_backend.dual"
T = TypeVar("T")


@deconstructible(path="django_minio_backend.models.DualReadStorage")
class DualReadStorage(Storage):
    """Two aliases of STORAGES as one: `new` is written, and read first; `old` is read after it.

    Only "there is no such file" leads from one to the other: where the new storage cannot say, its
    error is raised. Deleting deletes in both, or what is gone would come back.
    """

    def __init__(self, new: str, old: str) -> None:
        self._aliases = (new, old)

    def __repr__(self) -> str:
        return "<DualReadStorage new={!r} old={!r}>".format(*self._aliases)

    @cached_property
    def new(self) -> Storage:
        return self._part(self._aliases[0])

    @cached_property
    def old(self) -> Storage:
        return self._part(self._aliases[1])

    def _part(self, alias: str) -> Storage:
        try:
            found = storages[alias]
        except InvalidStorageError as error:
            raise ConfigurationError(f"DualReadStorage: {error}") from error
        if isinstance(found, DualReadStorage):
            raise ConfigurationError(f"DualReadStorage: '{alias}' is one itself.")
        return found

    def get_valid_name(self, name: str) -> str:
        return self.new.get_valid_name(name)

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        return self.new.get_alternative_name(file_root, file_ext)

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return a name that neither has, unless the new one replaces what it has."""
        if _replaces(self.new):
            return self.new.get_available_name(name, max_length)
        return super().get_available_name(name, max_length)

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Store content in the new storage, and return the name it got."""
        free = self.get_available_name(name or content.name, max_length)
        return self.new.save(free, content, max_length)

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        if mode in {"w", "wt", "wb"}:
            return self.new.open(name, mode)
        if mode not in {"r", "rt", "rb"}:
            raise ValueError(f"'{name}' cannot be opened with mode {mode!r}: read it or write it.")
        return self._first(name, lambda storage: storage.open(name, mode))

    def exists(self, name: str) -> bool:
        return self.new.exists(name) or self.old.exists(name)

    def size(self, name: str) -> int:
        return self._first(name, lambda storage: storage.size(name))

    def get_modified_time(self, name: str) -> datetime.datetime:
        return self._first(name, lambda storage: storage.get_modified_time(name))

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Return the folders and files of both; a folder may be in one of them only."""
        found = [_listed(storage, path) for storage in (self.new, self.old)]
        if not (there := [lists for lists in found if lists is not None]):
            raise FileNotFoundError(f"Neither {self!r} has a folder '{path}'.")
        folders = dict.fromkeys(name for lists in there for name in lists[0])
        files = dict.fromkeys(name for lists in there for name in lists[1])
        return list(folders), list(files)

    def delete(self, name: str) -> None:
        # The old one first: when that fails the file is still there as it was.
        self.old.delete(name)
        self.new.delete(name)

    def url(
        self,
        name: str | None,
        parameters: Mapping[str, str] | None = None,
        expires: datetime.timedelta | float | None = None,
        method: str = "GET",
        **keywords: Any,
    ) -> str:
        """Return a link to a view that looks where the file is, since this asks no network.

        It leads there as long as a link of the new storage would, a week at most, and is the same
        for a tenth of that. The arguments are MinioBackend's, and heeded where that has the file.
        Raises ImproperlyConfigured where `dual_urls` is not among the project's URLs.
        """
        life = self._life(expires)  # which both must be there for, before the link is followed
        if method not in {"GET", "HEAD"}:
            return self.new.url(name, parameters, expires, method, **keywords)  # type: ignore[call-arg]
        given = {"parameters": dict(parameters or {}), "method": method, **keywords}
        asked = {key: value for key, value in given.items() if value not in ({}, None, "GET")}
        window = max(1, life // 10)
        until = int(time.time()) // window * window + life
        signed = [*self._aliases, str(name), until, expires is not None, asked]
        token = signing.Signer(salt=_SALT).sign_object(signed)
        try:
            return reverse("dual:file", kwargs={"token": token})
        except NoReverseMatch as error:
            raise ImproperlyConfigured(
                f"{self!r} gives links to a view: add "
                'path("files/", include("django_minio_backend.dual_urls")) to your URLs.'
            ) from error

    def _life(self, expires: datetime.timedelta | float | None) -> int:
        """Return how many seconds a link works."""
        new, _ = self.new, self.old
        if expires is None and isinstance(new, MinioBackend):
            expires = new.options.url_expiry
        if isinstance(expires, datetime.timedelta):
            expires = expires.total_seconds()
        most = LINK_AGE.total_seconds()
        return int(most if expires is None else min(expires, most))

    def _first(self, name: str, ask: Callable[[Storage], T]) -> T:
        try:
            return ask(self.new)
        except FileNotFoundError:
            return ask(self.old)
        except Exception:
            # Some storages raise errors of their own for what is not there.
            if self.new.exists(name):
                raise
            return ask(self.old)


def link_of(token: str) -> str:
    """Return the link to the file that a token of `DualReadStorage.url` names.

    Raises FileNotFoundError when neither storage has it and `signing.BadSignature` for a token
    that is none, or whose time is over.
    """
    signed = signing.Signer(salt=_SALT).unsign_object(token)
    new, old, name, until, limited, asked = signed
    if (left := until - int(time.time())) <= 0:
        raise signing.SignatureExpired("The link has expired.")
    for alias in (new, old):
        try:
            part = storages[alias]
        except InvalidStorageError:
            continue  # the move is over, and the old one gone
        if not part.exists(name):
            continue
        if not isinstance(part, MinioBackend):
            return part.url(name)
        if limited or not part.is_bucket_public:
            asked["expires"] = left
        return part.url(name, **asked)
    raise FileNotFoundError(f"Neither '{new}' nor '{old}' has a file '{name}'.")


def parts(storage: Any) -> list[Storage]:
    """Return the storages that a storage stands for: itself, or both of a DualReadStorage."""
    if isinstance(storage, LazyObject):
        if storage._wrapped is empty:
            storage._setup()
        storage = storage._wrapped
    if isinstance(storage, DualReadStorage):
        return [storage.new, storage.old]
    return [storage]


def _replaces(storage: Any) -> bool:
    """Say whether a storage puts a file in the place of one with its name."""
    ours = getattr(getattr(storage, "options", None), "replace_existing", False)
    django_storages = getattr(storage, "file_overwrite", False)
    files = getattr(storage, "_allow_overwrite", False)
    return bool(ours or django_storages or files)


def _listed(storage: Storage, path: str) -> tuple[list[str], list[str]] | None:
    try:
        return storage.listdir(path)
    except FileNotFoundError:
        return None
