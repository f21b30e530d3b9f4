"""Parsers for the options that become headers of an object; they work as those in `parsing`."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from urllib.parse import quote

from django_minio_backend import names
from django_minio_backend.parsing import kind_of

ObjectHeaders = Mapping[str, str] | Callable[[str], Mapping[str, str]]


def headers(value: object) -> Mapping[str, str]:
    """Parse a mapping of header names to values; both must be ASCII, as they are on the wire."""
    if not isinstance(value, Mapping):
        raise ValueError(f"must be a mapping of header names to values, not {kind_of(value)}")
    result: dict[str, str] = {}
    for name, content in value.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"has the header name {name!r}: use ASCII letters, digits, '-', '_'")
        if name.lower() in _OURS or name.lower().startswith("if-"):
            raise ValueError(f"sets '{name}', which is for the storage to set")
        if not isinstance(content, str):
            raise ValueError(f"has a value for '{name}' that is no string but {kind_of(content)}")
        if not names.is_printable_ascii(content):
            raise ValueError(f"has a value for '{name}' that is not printable ASCII text")
        if name.lower() in map(str.lower, result):
            raise ValueError(f"has '{name}' twice")
        result[name] = content
    return MappingProxyType(result)


# RFC 9110's token, of which a few characters are enough.
_HEADER_NAME = re.compile(r"[A-Za-z0-9_.-]+")
# What frames, signs or guards a request.
_OURS = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "content-md5",
        "host",
        "transfer-encoding",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-tagging",
    }
)


def object_headers(value: object) -> ObjectHeaders:
    return value if callable(value) else headers(value or {})


# https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
_SYSTEM_HEADERS = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "expires",
    }
)


def metadata(value: object) -> Mapping[str, str]:
    """Parse user metadata into headers; names that are headers of S3's own stay as they are."""
    if value is None:
        return MappingProxyType({})
    if not isinstance(value, Mapping):
        raise ValueError(f"must be a mapping, not {kind_of(value)}")
    result = {}
    for name, content in value.items():
        listed = content if isinstance(content, list | tuple) else [content]
        own = str(name).lower() in _SYSTEM_HEADERS or str(name).lower().startswith("x-amz-")
        result[str(name) if own else f"x-amz-meta-{name}"] = ",".join(map(str, listed))
    return headers(result)


def tags(value: object) -> str:
    """Parse object tags into the value of `x-amz-tagging`."""
    if value is None:
        return ""
    if not isinstance(value, Mapping) or len(value) > 10:
        raise ValueError("must be a mapping of up to 10 tags, names to values")
    return tagging(value.items())


def tagging(pairs: Iterable[tuple[object, object]]) -> str:
    """Return the value of `x-amz-tagging` for tags."""
    return "&".join(f"{quote(str(k), safe='')}={quote(str(v), safe='')}" for k, v in pairs)


def kept(found: Mapping[str, str]) -> dict[str, str]:
    """Return those of an answer's headers that are the object's own and go with a copy of it."""
    return {
        name: value
        for name, value in found.items()
        if name.lower() in _SYSTEM_HEADERS or name.lower().startswith("x-amz-meta-")
    }


def retention(value: object) -> Mapping[str, str]:
    """Parse a `minio.retention.Retention` (`mode`, `retain_until_date`) into headers."""
    if value is None:
        return MappingProxyType({})
    mode, until = getattr(value, "mode", None), getattr(value, "retain_until_date", None)
    if mode not in {"GOVERNANCE", "COMPLIANCE"} or not isinstance(until, datetime.datetime):
        raise ValueError("must be a minio.retention.Retention")
    aware = until if until.tzinfo else until.replace(tzinfo=datetime.UTC)
    stamp = aware.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return MappingProxyType(
        {"x-amz-object-lock-mode": str(mode), "x-amz-object-lock-retain-until-date": stamp}
    )


def sse(value: object) -> Mapping[str, str]:
    """Parse a `minio.sse.Sse` into the headers it stands for."""
    if value is None:
        return MappingProxyType({})
    if not callable(getattr(value, "headers", None)):
        raise ValueError("must be a minio.sse.Sse, such as SseS3()")
    return MappingProxyType({str(k): str(v) for k, v in value.headers().items()})  # type: ignore[attr-defined]
