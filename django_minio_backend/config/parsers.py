"""Parsers of single option values. Each returns an immutable value.

A parser raises ValueError with the end of a sentence that starts with the option's name. No message
holds the value of a secret option.
"""

from __future__ import annotations

import datetime
import importlib.util
import json
import math
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from django.core.exceptions import SuspiciousFileOperation

from django_minio_backend import names
from django_minio_backend.config import parsers
from django_minio_backend.s3.server import Endpoint

if TYPE_CHECKING:
    import urllib3

#: Links signed with SigV4 live for up to seven days.
#: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
MAX_EXPIRY = datetime.timedelta(days=7)
# S3 allows parts from 5 MiB to 5 GiB.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MIN_PART_SIZE = 5 * 2**20
MAX_PART_SIZE = 5 * 2**30
# Yes and no in an environment variable, in any case.
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0", ""})


def parse_endpoint(value: object, secure: bool | None, *, allow_path: bool) -> Endpoint:
    """Parse "host[:port][/]", optionally with a scheme that must agree with `secure`.

    With `secure` None the scheme decides, and without a scheme it is HTTP. A pair of host and port
    works too.
    """
    if isinstance(value, tuple | list) and len(value) == 2:
        value = f"{value[0]}:{value[1]}"
    address = parse_text(value)
    scheme, _, rest = address.rpartition("://")
    if scheme.lower() not in {"", "http", "https"}:
        raise ValueError(f"has the scheme '{scheme}': use http or https")
    if scheme and secure is not None and secure != (scheme.lower() == "https"):
        raise ValueError(f"starts with '{scheme}://' but its HTTPS option is {secure}: drop one")
    if set("@?# ") & set(rest) or not rest.isprintable():
        raise ValueError("must be host[:port] without user, query, fragment or spaces")
    try:
        split = urlsplit(f"//{rest}")
        host, port = split.hostname, split.port
    except ValueError:
        host, port = None, None
    if not host or port == 0:
        raise ValueError("must be host[:port], such as 'minio.example.com:9000'")
    path = split.path.strip("/")
    if path and not allow_path:
        raise ValueError("must not carry a path: only MINIO_EXTERNAL_ENDPOINT may")
    is_secure = scheme.lower() == "https" if scheme else bool(secure)
    default_port = 443 if is_secure else 80
    quoted = f"/{quote(path, safe='/~%')}" if path else ""
    return Endpoint(is_secure, host, port or default_port, quoted)


def parse_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a string, not {name_type(value)}")
    if not value:
        raise ValueError("must not be empty")
    return value


def parse_secret_text(value: object) -> str:
    """Parse a key. Refuse the line break that a file may have at its end."""
    secret = parse_text(value)
    if secret != secret.strip():
        raise ValueError("begins or ends with a blank or a line break: use str.strip() on it")
    return secret


def parse_header_text(value: object) -> str:
    header = parse_secret_text(value)
    if not names.is_printable_ascii(header):
        raise ValueError("must be printable ASCII")
    return header


def parse_optional_header_text(value: object) -> str | None:
    return None if value is None else parse_header_text(value)


def parse_region(value: object) -> str:
    return "us-east-1" if value is None else parse_header_text(value)


def parse_flag(value: object) -> bool:
    """Parse a boolean, or the text or number that an environment variable has for one."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, str | int) else None
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError(
        f"must be True or False, or text such as 'true', 'no' or '0', not {_show(value)}"
    )


def parse_optional_flag(value: object) -> bool | None:
    return None if value is None else parse_flag(value)


def _show(value: object) -> str:
    return repr(value) if isinstance(value, str) else name_type(value)


def _parse_number(value: object) -> object:
    """Return the number that a text stands for, or the value as it is."""
    if isinstance(value, str):
        for kind in (int, float):
            with suppress(ValueError):
                return kind(value)
    return value


def parse_seconds(value: object) -> float:
    value = _parse_number(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError("must be a number of seconds above 0")
    return float(value)


def parse_optional_seconds(value: object) -> float | None:
    return None if value is None else parse_seconds(value)


def parse_window(value: object) -> int | None:
    """Parse a number of seconds from 0, or a timedelta, into whole seconds."""
    if value is None:
        return None
    value = _parse_number(value)
    if isinstance(value, datetime.timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError("must be a number of seconds, 0 or more, or a timedelta")
    return int(value)


def parse_base_url(value: object) -> str:
    """Parse the address of a CDN or domain before a bucket, or a path on the site's own host."""
    url = parse_text(value).rstrip("/")
    split = urlsplit(url)
    if url.startswith("/") and not (split.netloc or split.query or split.fragment):
        return url
    if split.scheme not in {"http", "https"} or not split.netloc or split.query or split.fragment:
        raise ValueError(
            "must be an address such as 'https://cdn.example.com/media', or a path such as '/media'"
        )
    return url


def parse_count(value: object) -> int:
    value = _parse_number(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("must be a whole number, 0 or more")
    return value


def parse_threads(value: object) -> int:
    if not 1 <= parse_count(value) <= 64:
        raise ValueError("must be a whole number from 1 to 64")
    return parse_count(value)


def parse_part_size(value: object) -> int:
    size = parse_count(value)
    if not MIN_PART_SIZE <= size <= MAX_PART_SIZE:
        raise ValueError("must be between 5 MiB and 5 GiB, in bytes (S3's limits for a part)")
    return size


def parse_lifetime(value: object) -> datetime.timedelta:
    """Parse a timedelta, or a number of hours, into the default life of a link.

    S3 signs no link for more than seven days. A longer value is cut, and `is_too_long` reports it.
    """
    return min(parse_expiry(_parse_hours(value), datetime.timedelta.max), MAX_EXPIRY)


def is_too_long(value: object) -> bool:
    """Return True if `parse_lifetime` cuts this value."""
    hours = _parse_hours(value)
    return isinstance(hours, datetime.timedelta) and hours > MAX_EXPIRY


def _parse_hours(value: object) -> object:
    number = _parse_number(value)
    if isinstance(number, bool) or not isinstance(number, int | float):
        return value
    try:
        return datetime.timedelta(hours=number)
    except (OverflowError, ValueError):
        return datetime.timedelta.max


def parse_expiry(value: object, longest: datetime.timedelta = MAX_EXPIRY) -> datetime.timedelta:
    if not isinstance(value, datetime.timedelta):
        raise ValueError(
            "must be a timedelta, such as timedelta(hours=1), or a number of hours, "
            f"not {_show(value)}"
        )
    if not datetime.timedelta(seconds=1) <= value <= longest:
        raise ValueError("must be between 1 second and 7 days, the longest that S3 signs a link")
    return value


def parse_bucket(value: object) -> str:
    name = parse_text(value)
    if fault := names.find_bucket_name_fault(name):
        raise ValueError(f"holds the invalid bucket name '{name}': it {fault}")
    return name


def parse_buckets(value: object) -> tuple[str, ...]:
    """Parse a list of bucket names, or text with commas between them. Empty ones are dropped."""
    if (names_given := split_list(value)) is None:
        raise ValueError(f"must be a list of bucket names, not {name_type(value)}")
    return tuple(dict.fromkeys(map(parse_bucket, names_given)))


def split_list(value: object) -> list[Any] | None:
    """Return the entries of a list, or of text with commas, without empty ones. None: no list."""
    if isinstance(value, str):
        value = [entry.strip() for entry in value.split(",")]
    if not isinstance(value, list | tuple | set | frozenset):
        return None
    return [entry for entry in value if entry is not None and entry != ""]


def parse_location(value: object) -> str:
    if value is None or value == "":
        return ""
    stripped = parse_text(value).strip("/")
    try:
        return names.clean_name(stripped) if stripped else ""
    except SuspiciousFileOperation as error:
        raise ValueError(f"is no usable key prefix: {str(error).rstrip('.')}") from error


def parse_file_path(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str | os.PathLike):
        raise ValueError(f"must be the path of a PEM file, not {name_type(value)}")
    path = os.fspath(value)
    if not os.path.isfile(path):
        raise ValueError(f"names a file that is not there: {path}")
    return path


def parse_http_client(value: object) -> urllib3.PoolManager | None:
    if value is None:
        return None
    import urllib3  # a project that gives a client has imported it

    if not isinstance(value, urllib3.PoolManager):
        raise ValueError(f"must be a urllib3.PoolManager, not {name_type(value)}")
    return value


def parse_credentials(value: object) -> Any:
    """Accept a provider, a callable or a dotted path. Its result is checked on first use."""
    if value is None or callable(value) or hasattr(value, "retrieve"):
        return value
    if isinstance(value, str) and "." in value:
        return value
    raise ValueError("must be a minio.credentials.Provider, or a callable or dotted path for one")


def parse_progress(value: object) -> Any:
    if value is not None and not callable(getattr(value, "update", None)):
        raise ValueError("must have the methods set_meta(object_name, total_length) and update(n)")
    return value


def parse_static_compress(value: object) -> str:
    """Parse the name of an encoding, "" for none."""
    if value is None or str(value).strip().lower() in _FALSE:
        return ""
    if value not in parsers.ENCODINGS:
        raise ValueError(f"must be one of {', '.join(map(repr, parsers.ENCODINGS))}, or None")
    if value == "br" and not parsers.has_brotli():
        raise ValueError("is 'br', which needs: pip install 'django-minio-backend[brotli]'")
    return str(value)


def parse_gzip(value: object) -> tuple[str, ...]:
    """Parse True, or a list of media types such as "text/*", into the types to compress."""
    with suppress(ValueError):
        return parsers.TEXT_TYPES if value is not None and parse_flag(value) else ()
    types = split_list(value)
    if types is None or not all(
        isinstance(media_type, str) and "/" in media_type for media_type in types
    ):
        raise ValueError("must be True, False or a list of media types, such as ['text/*']")
    return tuple(media_type.lower() for media_type in types)


def parse_references(value: object) -> Any:
    """Accept a callable or a dotted path. The path is imported on first use."""
    if value is None or callable(value) or (isinstance(value, str) and "." in value):
        return value
    raise ValueError("must be a callable of the storage that gives names, or a dotted path to one")


def parse_policy_hooks(value: object) -> tuple[tuple[str, str], ...] | str:
    """Parse [(bucket, policy dict)] into pairs of bucket and JSON. A dotted path stays one."""
    if value is None:
        return ()
    if isinstance(value, str) and "." in value:
        return value
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise ValueError("must be a list of (bucket, policy dict), or a dotted path to one")
    pairs = []
    for pair in filter(None, value):
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[1], Mapping):
            raise ValueError("must be a list of (bucket, policy dict), or a dotted path to one")
        try:
            pairs.append((parse_bucket(pair[0]), json.dumps(dict(pair[1]))))
        except TypeError as error:
            raise ValueError(f"has a policy for '{pair[0]}' that is no JSON: {error}") from error
    return tuple(pairs)


def name_type(value: object) -> str:
    return type(value).__name__


#: The types of MINIO_GZIP = True. Images, archives, fonts and films are compressed already.
TEXT_TYPES = (
    "text/*",
    "application/javascript",
    "application/json",
    "application/xml",
    "application/*+json",
    "application/*+xml",
    "image/svg+xml",
)

ENCODINGS = ("gzip", "br")


def has_brotli() -> bool:
    return importlib.util.find_spec("brotli") is not None
