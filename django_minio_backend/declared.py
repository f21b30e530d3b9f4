"""Which options a storage is given: by STORAGES, by keywords, by version 3's settings.

This is the only module that reads them; `options` checks them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.conf import settings

from django_minio_backend.errors import ConfigurationError
from django_minio_backend.options import DEFAULT_STATIC_FILES_BUCKET, NAMES, RENAMED, Options

#: Version 4 read these from the settings alone, so they are still looked for there.
#: What OPTIONS may hold besides options: a storage's other keywords.
KEYWORDS = frozenset({"bucket_name", "storage_name", "num_parallel_uploads"})
ALSO_FLAT = ("MINIO_URL_CACHING_ENABLED", "MINIO_URL_CACHE_TIMEOUT", "MINIO_URL_CACHE_PREFIX")


def for_storage(keywords: Mapping[str, Any], *, static: bool = False) -> Options:
    """Return the options of a storage that is constructed with these keywords.

    Keywords win over STORAGES. Django hands a storage its OPTIONS as keywords without saying
    which alias they are of: they are recognised, and are then all there is. So are keywords that
    name an endpoint.
    """
    given = dict(keywords)
    storage_name = given.get("storage_name")
    alias = storage_name or ("staticfiles" if static else "default")
    if storage_name is None and (recognised := _alias_of(keywords, alias)):
        alias = recognised
    elif storage_name is not None or "MINIO_ENDPOINT" not in keywords:
        given = {**_declared(alias), **given}
    flat = {} if "MINIO_ENDPOINT" in given else flat_settings()
    if flat:
        _warn_of_flat_settings()
        # What is declared may be for a storage that is not ours, such as the file system's.
        given = {
            **flat,
            **{name: given[name] for name in given if name in NAMES or name in keywords},
        }
    if (parallel := given.pop("num_parallel_uploads", None)) is not None:
        given.setdefault("MINIO_MULTIPART_PARALLEL", parallel)  # version 4's keyword
    for name in ALSO_FLAT:
        if name not in given and hasattr(settings, name):
            given[name] = getattr(settings, name)
    given.pop("storage_name", None)
    bucket_name = given.pop("bucket_name", None) or ""
    _hint_at_another_alias(alias, given)
    return Options.parse(alias, given, bucket_name=bucket_name, static=static)


def flat_settings() -> dict[str, Any]:
    """Return version 3's settings by the options that they are now; none without an endpoint."""
    if not getattr(settings, "MINIO_ENDPOINT", None):
        return {}
    now = {name: name for name in NAMES if name.isupper()} | {
        old: new for old, new in RENAMED.items() if old.isupper()
    }
    found = {new: getattr(settings, old, None) for old, new in now.items()}
    if isinstance(private := found.get("MINIO_PRIVATE_BUCKETS"), list | tuple):
        # There the static files' bucket had to be in a list, and was public in either.
        static = found["MINIO_STATIC_FILES_BUCKET"] or DEFAULT_STATIC_FILES_BUCKET
        found["MINIO_PRIVATE_BUCKETS"] = [name for name in private if name != static]
        public = found.get("MINIO_PUBLIC_BUCKETS")
        if isinstance(public, list | tuple):
            found["MINIO_PUBLIC_BUCKETS"] = [name for name in public if name != static]
    return {name: value for name, value in found.items() if value is not None}


def _warn_of_flat_settings() -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "MINIO_… settings outside STORAGES are deprecated: `manage.py check` shows the "
            "STORAGES that say the same.",
            DeprecationWarning,
            stacklevel=2,
        )


_warned = False


def beyond_alias(alias: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords that say something else than the alias's own OPTIONS."""
    declared = _options_of(_backends().get(alias, {}))
    absent = object()
    return {
        name: value
        for name, value in given.items()
        if name != "storage_name" and declared.get(name, absent) != value
    }


def uses_flat_settings(ours: Iterable[str]) -> bool:
    """Say whether version 3's settings are in use, rather than what OPTIONS were made of.

    `ours` are the aliases whose backend is ours.
    """
    given = [_options_of(_backends()[alias]) for alias in ours]
    lacking = [one for one in given if "MINIO_ENDPOINT" not in one]
    return bool(flat_settings()) and (bool(lacking) or not given)


def _options_of(backend: Mapping[str, Any]) -> Mapping[str, Any]:
    found = backend.get("OPTIONS")
    return found if isinstance(found, Mapping) else {}


def declared_options(alias: str) -> dict[str, Any]:
    """Return the OPTIONS of an alias, or version 3's settings where it has none of ours."""
    given = {name: value for name, value in _declared(alias).items() if name not in KEYWORDS}
    return given if "MINIO_ENDPOINT" in given else {**flat_settings(), **given}


def aliases() -> Iterator[tuple[str, str]]:
    """Yield each alias in STORAGES with the dotted path of its backend, in their order."""
    for alias, configured in _backends().items():
        yield alias, configured.get("BACKEND", "")


def _hint_at_another_alias(alias: str, given: Mapping[str, Any]) -> None:
    if "MINIO_ENDPOINT" in given:
        return
    for other, configured in _backends().items():
        if "MINIO_ENDPOINT" in _options_of(configured):
            raise ConfigurationError(
                f"Storage '{alias}': MINIO_ENDPOINT is not in STORAGES['{alias}']['OPTIONS']: "
                f"add it, or name another alias with storage_name='{other}'."
            )


def _backends() -> dict[str, dict[str, Any]]:
    # Not `storages.backends`: Django 4.2 drops the OPTIONS of overridden settings there.
    return settings.STORAGES


def _declared(alias: str) -> Mapping[str, Any]:
    if alias not in _backends():
        raise ConfigurationError(
            f"Storage '{alias}': there is no STORAGES['{alias}'] in the settings. "
            f"Aliases there are: {', '.join(_backends())}."
        )
    return _options_of(_backends()[alias])


def _alias_of(keywords: Mapping[str, Any], likely: str) -> str:
    """Return the alias whose OPTIONS these are, the likely one where several have the same."""
    if not keywords:
        return ""
    same = [name for name, at in _backends().items() if at.get("OPTIONS") == keywords]
    return likely if likely in same else next(iter(same), "")
