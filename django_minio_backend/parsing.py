"""Parsers for single option values: each returns an immutable value or says what is wrong.

A parser raises ValueError with the end of a sentence that starts with the option's name. Values
of secret options never enter a message.
"""

from __future__ import annotations

import datetime
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, urlsplit

import urllib3
from django.core.exceptions import SuspiciousFileOperation

from django_minio_backend import compression, names

#: SigV4 links live for seven days at most.
#: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
MAX_EXPIRY = datetime.timedelta(days=7)
# S3 allows parts from 5 MiB to 5 GiB.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MIN_PART_SIZE = 5 * 2**20
MAX_PART_SIZE = 5 * 2**30


@dataclass(frozen=True)
class Endpoint:
    """Where a server answers: `netloc` is what the Host header carries, `path` "" or "/files"."""

    secure: bool
    host: str
    port: int
    path: str = ""

    @property
    def scheme(self) -> str:
        return "https" if self.secure else "http"

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.path}"


def endpoint(value: object, secure: bool | None, *, allow_path: bool) -> Endpoint:
    """Parse "host[:port][/]", optionally with a scheme that must agree with `secure`.

    `secure` None means that no HTTPS option was given: the scheme decides, HTTP without one.
    """
    given = text(value)
    scheme, _, rest = given.rpartition("://")
    if scheme.lower() not in {"", "http", "https"}:
        raise ValueError(f"has the scheme '{scheme}': use http or https")
    if scheme and secure is not None and secure != (scheme.lower() == "https"):
        raise ValueError(f"starts with '{scheme}://' but its HTTPS option is {secure}: drop one")
    if "@" in rest or "?" in rest or "#" in rest or any(c.isspace() for c in rest):
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


def text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a string, not {kind_of(value)}")
    if not value:
        raise ValueError("must not be empty")
    return value


def header_text(value: object) -> str:
    given = text(value)
    if not names.is_printable_ascii(given):
        raise ValueError("must be printable ASCII")
    return given


def optional_header_text(value: object) -> str | None:
    return None if value is None else header_text(value)


def region(value: object) -> str:
    return "us-east-1" if value is None else header_text(value)


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be True or False, not {kind_of(value)}")
    return value


def seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError("must be a number of seconds above 0")
    return float(value)


def optional_seconds(value: object) -> float | None:
    return None if value is None else seconds(value)


def window(value: object) -> int | None:
    """Parse a number of seconds, 0 or more, or a timedelta into whole seconds."""
    if value is None:
        return None
    if isinstance(value, datetime.timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError("must be a number of seconds, 0 or more, or a timedelta")
    return int(value)


def base_url(value: object) -> str:
    """Parse the address of a bucket behind a CDN or a domain of its own."""
    given = text(value).rstrip("/")
    split = urlsplit(given)
    if split.scheme not in {"http", "https"} or not split.netloc or split.query or split.fragment:
        raise ValueError("must be an address such as 'https://cdn.example.com/media'")
    return given


def count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("must be a whole number, 0 or more")
    return value


def threads(value: object) -> int:
    if not 1 <= count(value) <= 64:
        raise ValueError("must be a whole number from 1 to 64")
    return count(value)


def part_size(value: object) -> int:
    size = count(value)
    if not MIN_PART_SIZE <= size <= MAX_PART_SIZE:
        raise ValueError("must be between 5 MiB and 5 GiB, in bytes (S3's limits for a part)")
    return size


def expiry(value: object) -> datetime.timedelta:
    if not isinstance(value, datetime.timedelta):
        raise ValueError(f"must be a timedelta, such as timedelta(hours=1), not {kind_of(value)}")
    if not datetime.timedelta(seconds=1) <= value <= MAX_EXPIRY:
        raise ValueError("must be between 1 second and 7 days, the longest that S3 signs a link")
    return value


def bucket(value: object) -> str:
    name = text(value)
    if fault := names.bucket_name_fault(name):
        raise ValueError(f"holds the invalid bucket name '{name}': it {fault}")
    return name


def buckets(value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, list | tuple | set | frozenset):
        raise ValueError(f"must be a list of bucket names, not {kind_of(value)}")
    return tuple(dict.fromkeys(bucket(name) for name in value))


def location(value: object) -> str:
    if value is None or value == "":
        return ""
    stripped = text(value).strip("/")
    try:
        return names.clean_name(stripped) if stripped else ""
    except SuspiciousFileOperation as error:
        raise ValueError(f"is no usable key prefix: {str(error).rstrip('.')}") from error


def file_path(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str | os.PathLike):
        raise ValueError(f"must be the path of a PEM file, not {kind_of(value)}")
    path = os.fspath(value)
    if not os.path.isfile(path):
        raise ValueError(f"names a file that is not there: {path}")
    return path


def http_client(value: object) -> urllib3.PoolManager | None:
    if value is not None and not isinstance(value, urllib3.PoolManager):
        raise ValueError(f"must be a urllib3.PoolManager, not {kind_of(value)}")
    return value


def credentials(value: object) -> Any:
    """Accept a provider, a callable or a dotted path; what it gives is checked on first use."""
    if value is None or callable(value) or hasattr(value, "retrieve"):
        return value
    if isinstance(value, str) and "." in value:
        return value
    raise ValueError("must be a minio.credentials.Provider, or a callable or dotted path for one")


def progress(value: object) -> Any:
    if value is not None and not callable(getattr(value, "update", None)):
        raise ValueError("must have the methods set_meta(object_name, total_length) and update(n)")
    return value


def static_compress(value: object) -> str:
    """Parse the name of an encoding, "" for none."""
    if value in {None, False, ""}:
        return ""
    if value not in compression.ENCODINGS:
        raise ValueError(f"must be one of {', '.join(map(repr, compression.ENCODINGS))}, or None")
    if value == "br" and not compression.has_brotli():
        raise ValueError("is 'br', which needs: pip install 'django-minio-backend[brotli]'")
    return str(value)


def gzip(value: object) -> tuple[str, ...]:
    """Parse True, or a list of media types such as "text/*", into the types to compress."""
    if isinstance(value, bool) or value is None:
        return compression.TEXT_TYPES if value else ()
    listed = isinstance(value, list | tuple | set | frozenset)
    if not listed or not all(isinstance(one, str) and "/" in one for one in cast(Any, value)):
        raise ValueError("must be True, False or a list of media types, such as ['text/*']")
    return tuple(one.lower() for one in cast(Any, value))


def references(value: object) -> Any:
    """Accept a callable or a dotted path to one; it is imported when it is used."""
    if value is None or callable(value) or (isinstance(value, str) and "." in value):
        return value
    raise ValueError("must be a callable of the storage that gives names, or a dotted path to one")


def policy_hooks(value: object) -> tuple[tuple[str, str], ...] | str:
    """Parse [(bucket, policy dict)] into pairs of bucket and JSON; a dotted path stays one."""
    if value is None:
        return ()
    if isinstance(value, str) and "." in value:
        return value
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise ValueError("must be a list of (bucket, policy dict), or a dotted path to one")
    pairs = []
    for pair in value:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[1], Mapping):
            raise ValueError("must be a list of (bucket, policy dict), or a dotted path to one")
        try:
            pairs.append((bucket(pair[0]), json.dumps(dict(pair[1]))))
        except TypeError as error:
            raise ValueError(f"has a policy for '{pair[0]}' that is no JSON: {error}") from error
    return tuple(pairs)


def kind_of(value: object) -> str:
    return type(value).__name__
