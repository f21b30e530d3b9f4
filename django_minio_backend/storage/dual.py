"""Two storages as one while a site moves: it reads from both and writes to the new one."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

from django.conf import settings
from django.core import signing
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import File
from django.core.files.storage import InvalidStorageError, Storage, storages
from django.urls import NoReverseMatch, reverse
from django.utils.deconstruct import deconstructible
from django.utils.functional import LazyObject, empty

from django_minio_backend.errors import ConfigurationError
from django_minio_backend.storage.backend import MinioBackend

#: The longest life of a link. Signed links of S3 do not live longer.
LINK_AGE = datetime.timedelta(days=7)
_SALT = "django_minio_backend.dual"
T = TypeVar("T")


@deconstructible(path="django_minio_backend.models.DualReadStorage")
class DualReadStorage(Storage):
    """Two aliases of STORAGES as one. `new` is written, and read first. `old` is read after it.

    It looks in the old storage only if the new one answers "no such file". If the new one is down,
    that is an error. Deleting deletes in both storages, or a deleted file would come back.
    """

    def __init__(self, new: str, old: str) -> None:
        self._aliases = (new, old)

    def __repr__(self) -> str:
        return "<DualReadStorage new={!r} old={!r}>".format(*self._aliases)

    @cached_property
    def new(self) -> Storage:
        return self._find_part(self._aliases[0])

    @cached_property
    def old(self) -> Storage:
        return self._find_part(self._aliases[1])

    def check(self) -> None:
        """Raise ImproperlyConfigured if the settings are wrong. Makes no storage."""
        for alias in self._aliases:
            backend = settings.STORAGES.get(alias)
            if backend is None:
                raise ConfigurationError(f"DualReadStorage: there is no STORAGES['{alias}'].")
            if str(backend.get("BACKEND", "")).endswith(f".{type(self).__name__}"):
                raise ConfigurationError(f"DualReadStorage: '{alias}' is one itself.")
        self._link("token")

    def _link(self, token: str) -> str:
        try:
            return reverse("dual:file", kwargs={"token": token})
        except NoReverseMatch as error:
            raise ImproperlyConfigured(
                f"{self!r} gives links to a view: add "
                'path("files/", include("django_minio_backend.dual_urls")) to your URLs.'
            ) from error

    def _find_part(self, alias: str) -> Storage:
        try:
            part = storages[alias]
        except InvalidStorageError as error:
            raise ConfigurationError(f"DualReadStorage: {error}") from error
        if isinstance(part, DualReadStorage):
            raise ConfigurationError(f"DualReadStorage: '{alias}' is one itself.")
        return part

    def get_valid_name(self, name: str) -> str:
        return self.new.get_valid_name(name)

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        return self.new.get_alternative_name(file_root, file_ext)

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return a name that is free in both, unless the new storage replaces files."""
        if _replaces(self.new):
            return self.new.get_available_name(name, max_length)
        return super().get_available_name(name, max_length)

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Store content in the new storage, and return its name."""
        free = self.get_available_name(name or content.name, max_length)
        return self.new.save(free, content, max_length)

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        if mode in {"w", "wt", "wb"}:
            return self.new.open(name, mode)
        if mode not in {"r", "rt", "rb"}:
            raise ValueError(f"'{name}' cannot be opened with mode {mode!r}: read it or write it.")
        return self._ask_first(name, lambda storage: storage.open(name, mode))

    def exists(self, name: str) -> bool:
        return self.new.exists(name) or self.old.exists(name)

    def size(self, name: str) -> int:
        return self._ask_first(name, lambda storage: storage.size(name))

    def get_modified_time(self, name: str) -> datetime.datetime:
        return self._ask_first(name, lambda storage: storage.get_modified_time(name))

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Return the folders and files of both. A folder may be in one of them only."""
        both = [_list_folder(storage, path) for storage in (self.new, self.old)]
        if not (existing := [lists for lists in both if lists is not None]):
            raise FileNotFoundError(f"Neither {self!r} has a folder '{path}'.")
        folders = dict.fromkeys(name for lists in existing for name in lists[0])
        files = dict.fromkeys(name for lists in existing for name in lists[1])
        return list(folders), list(files)

    def delete(self, name: str) -> None:
        # The old one first: if that fails, the file is still complete.
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
        """Return a link to a view that finds the file. Makes no request.

        The link lives as long as one of the new storage, up to a week, and stays the same for a
        tenth of that. The arguments are MinioBackend's; the other storage ignores them. Raises
        ImproperlyConfigured if the project's URLs do not include `dual_urls`.
        """
        life = self._compute_life(expires)  # raises now if one of them cannot be made
        if method not in {"GET", "HEAD"}:
            return self.new.url(name, parameters, expires, method, **keywords)  # type: ignore[call-arg]
        arguments = {"parameters": dict(parameters or {}), "method": method, **keywords}
        used = {key: value for key, value in arguments.items() if value not in ({}, None, "GET")}
        window = max(1, life // 10)
        until = int(time.time()) // window * window + life
        signed = [*self._aliases, str(name), until, expires is not None, used]
        return self._link(signing.Signer(salt=_SALT).sign_object(signed))

    def _compute_life(self, expires: datetime.timedelta | float | None) -> int:
        """Return the seconds that a link lives."""
        new, _ = self.new, self.old
        if expires is None and isinstance(new, MinioBackend):
            expires = new.options.url_expiry
        if isinstance(expires, datetime.timedelta):
            expires = expires.total_seconds()
        most = LINK_AGE.total_seconds()
        return int(most if expires is None else min(expires, most))

    def _ask_first(self, name: str, ask: Callable[[Storage], T]) -> T:
        try:
            return ask(self.new)
        except FileNotFoundError:
            return ask(self.old)
        except Exception:
            # Some storages raise other errors for a missing file.
            if self.new.exists(name):
                raise
            return ask(self.old)


def find_link(token: str) -> str:
    """Return the link to the file that a token of `DualReadStorage.url` names.

    Raises FileNotFoundError if neither storage has the file, and `signing.BadSignature` if the
    token is wrong or has expired.
    """
    signed = signing.Signer(salt=_SALT).unsign_object(token)
    new, old, name, until, limited, keywords = signed
    if (life := until - int(time.time())) <= 0:
        raise signing.SignatureExpired("The link has expired.")
    for alias in (new, old):
        try:
            part = storages[alias]
        except InvalidStorageError:
            continue  # the move is over, and the old storage gone
        if not part.exists(name):
            continue
        if not isinstance(part, MinioBackend):
            return part.url(name)
        if limited or not part.is_bucket_public:
            keywords["expires"] = life
        return part.url(name, **keywords)
    raise FileNotFoundError(f"Neither '{new}' nor '{old}' has a file '{name}'.")


def list_parts(storage: Any) -> list[Storage]:
    """Return the storage itself, or both storages of a DualReadStorage."""
    if isinstance(storage, LazyObject):
        if storage._wrapped is empty:
            storage._setup()
        storage = storage._wrapped
    if isinstance(storage, DualReadStorage):
        return [storage.new, storage.old]
    return [storage]


def _replaces(storage: Any) -> bool:
    """Return True if a storage replaces a file of the same name."""
    is_ours = getattr(getattr(storage, "options", None), "replace_existing", False)
    django_storages = getattr(storage, "file_overwrite", False)
    files = getattr(storage, "_allow_overwrite", False)
    return bool(is_ours or django_storages or files)


def _list_folder(storage: Storage, path: str) -> tuple[list[str], list[str]] | None:
    try:
        return storage.listdir(path)
    except FileNotFoundError:
        return None
