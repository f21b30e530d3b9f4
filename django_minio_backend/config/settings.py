"""The options of a storage, from STORAGES, its keywords, or version 3's settings.

Only this module and `version3` read the settings. `options` checks the options.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.conf import settings

from django_minio_backend.config.options import (
    NAMES,
    SECRET,
    Options,
    is_given,
)
from django_minio_backend.config.parsers import split_list
from django_minio_backend.config.version3 import (
    read_settings,
    warn_of_settings,
)
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.redaction import redact

logger = logging.getLogger(__name__)

#: The other keywords of a storage, which OPTIONS may hold too.
KEYWORDS = frozenset({"bucket_name", "storage_name", "num_parallel_uploads"})
#: Version 4 read these from the settings only, so they still count there.
ALSO_FLAT = ("MINIO_URL_CACHING_ENABLED", "MINIO_URL_CACHE_TIMEOUT", "MINIO_URL_CACHE_PREFIX")


def find_options(keywords: Mapping[str, Any], *, static: bool = False) -> Options:
    """Return the options of a storage that is constructed with these keywords.

    Keywords win over STORAGES. Django constructs the storage of an alias with its OPTIONS as
    keywords, and does not name the alias. Such keywords are recognised, and nothing is added to
    them. The same applies to keywords with an endpoint.
    """
    given = _correct_names(redact(keywords, SECRET))
    storage_name = given.get("storage_name")
    alias = storage_name or ("staticfiles" if static else "default")
    if storage_name is None and (recognised := _find_alias(keywords, alias)):
        alias = recognised
    elif storage_name is not None or "MINIO_ENDPOINT" not in keywords:
        given = {**_read_declared(alias), **given}
    given = {**_inherit(alias, given, static=static), **given}
    flat = {} if is_given(given.get("MINIO_ENDPOINT")) else read_settings()
    if flat:
        warn_of_settings()
        if static:
            # Version 3's storage of static files made its bucket itself.
            flat["MINIO_BUCKET_CHECK_ON_SAVE"] = True
        # The declared OPTIONS may belong to another storage, such as the file system's.
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
    options = Options.parse(alias, given, bucket_name=bucket_name, static=static)
    for note in options.notes:
        _log_once(f"Storage '{alias}': {note}")
    if options.bucket not in (*options.private_buckets, *options.public_buckets):
        _log_once(
            f"Storage '{alias}': no option declares the bucket '{options.bucket}', so it is "
            "private. Add it to MINIO_PRIVATE_BUCKETS or MINIO_PUBLIC_BUCKETS."
        )
    return options


def _inherit(alias: str, given: Mapping[str, Any], *, static: bool) -> dict[str, Any]:
    """Return the options that an alias takes from "default" or "staticfiles", as in version 4.

    Without an endpoint of its own it takes everything that it lacks. With the same endpoint its
    bucket is public if it is public there.
    """
    base_alias = "staticfiles" if static else "default"
    if alias == base_alias:
        return {}
    base = _options_in(_get_storages().get(base_alias, {}))
    if not is_given(given.get("MINIO_ENDPOINT")):
        return {name: value for name, value in base.items() if name in NAMES}
    bucket = given.get("bucket_name") or given.get("MINIO_DEFAULT_BUCKET")
    lists = [split_list(options.get("MINIO_PUBLIC_BUCKETS")) or () for options in (base, given)]
    private = split_list(given.get("MINIO_PRIVATE_BUCKETS")) or ()
    same_server = base.get("MINIO_ENDPOINT") == given["MINIO_ENDPOINT"]
    if same_server and bucket in lists[0] and not lists[1] and bucket not in private:
        return {"MINIO_PUBLIC_BUCKETS": [bucket]}
    return {}


def _log_once(message: str) -> None:
    if message not in _logged:
        _logged.add(message)
        logger.warning(message)


_logged: set[str] = set()


def drop_alias_options(alias: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords that differ from the alias's own OPTIONS."""
    declared = _options_in(_get_storages().get(alias, {}))
    absent = object()
    return {
        name: value
        for name, value in given.items()
        if name != "storage_name" and declared.get(name, absent) != value
    }


def is_of_an_alias(keywords: Mapping[str, Any]) -> bool:
    """Return True if these are the OPTIONS of an alias, so that Django makes its storage."""
    return bool(_find_alias(keywords, ""))


def uses_version3(ours: Iterable[str]) -> bool:
    """Return True if version 3's settings are in use. OPTIONS may only be made of them.

    `ours` are the aliases whose backend is ours.
    """
    all_options = [_options_in(_get_storages()[alias]) for alias in ours]
    lacking = [options for options in all_options if not is_given(options.get("MINIO_ENDPOINT"))]
    return bool(read_settings()) and (bool(lacking) or not all_options)


def _options_in(backend: Mapping[str, Any]) -> Mapping[str, Any]:
    options = backend.get("OPTIONS")
    return _correct_names(redact(options, SECRET)) if isinstance(options, Mapping) else {}


def _correct_names(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return options under their right names, also if they are given in lower case."""
    return {
        name.upper() if name.upper() in NAMES and name not in NAMES else name: value
        for name, value in given.items()
    }


def read_alias_options(alias: str) -> dict[str, Any]:
    """Return the OPTIONS of an alias, or version 3's settings if it has none of ours."""
    given = {name: value for name, value in _read_declared(alias).items() if name not in KEYWORDS}
    given = {**_inherit(alias, given, static=alias == "staticfiles"), **given}
    return given if is_given(given.get("MINIO_ENDPOINT")) else {**read_settings(), **given}


def list_backends() -> Iterator[tuple[str, str]]:
    """Yield each alias in STORAGES with the dotted path of its backend, in their order."""
    for alias, configured in _get_storages().items():
        yield alias, configured.get("BACKEND", "")


def _hint_at_another_alias(alias: str, given: Mapping[str, Any]) -> None:
    if "MINIO_ENDPOINT" in given:
        return
    for other, configured in _get_storages().items():
        if "MINIO_ENDPOINT" in _options_in(configured):
            raise ConfigurationError(
                f"Storage '{alias}': MINIO_ENDPOINT is not in STORAGES['{alias}']['OPTIONS']: "
                f"add it, or name another alias with storage_name='{other}'."
            )


def _get_storages() -> dict[str, dict[str, Any]]:
    # Not `storages.backends`: Django 4.2 drops the OPTIONS of overridden settings there.
    return settings.STORAGES


def _read_declared(alias: str) -> Mapping[str, Any]:
    if alias not in _get_storages():
        raise ConfigurationError(
            f"Storage '{alias}': there is no STORAGES['{alias}'] in the settings. "
            f"Aliases there are: {', '.join(_get_storages())}."
        )
    return _options_in(_get_storages()[alias])


def _find_alias(keywords: Mapping[str, Any], likely: str) -> str:
    """Return the alias with these OPTIONS: the likely one if several have the same."""
    if not keywords:
        return ""
    same = [name for name, at in _get_storages().items() if at.get("OPTIONS") == keywords]
    return likely if likely in same else next(iter(same), "")
