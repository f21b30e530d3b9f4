"""Parsers for the options that become headers of an object. They work like those in `parsers`."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from urllib.parse import quote

from django_minio_backend import names
from django_minio_backend.config.parsers import name_type
from django_minio_backend.redaction import redact

ObjectHeaders = Mapping[str, str] | Callable[[str], Mapping[str, str]]


def parse_headers(value: object) -> Mapping[str, str]:
    """Parse a mapping of header names to values. Both must be ASCII, as on the wire."""
    if not isinstance(value, Mapping):
        raise ValueError(f"must be a mapping of header names to values, not {name_type(value)}")
    result: dict[str, str] = {}
    for given_name, content in value.items():
        name = _S3_NAMES.get(given_name, given_name)
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"has the header name {name!r}: use ASCII letters, digits, '-', '_'")
        if name.lower() in _OURS or name.lower().startswith("if-"):
            raise ValueError(f"sets '{name}', which is for the storage to set")
        if not _is_kept(name.lower()):
            raise ValueError(
                f"has the header '{name}', which S3 does not keep: use "
                f"{', '.join(_S3_NAMES.values())} or x-amz-meta-{name}"
            )
        if not isinstance(content, str):
            raise ValueError(f"has a value for '{name}' that is no string but {name_type(content)}")
        if not names.is_printable_ascii(content):
            raise ValueError(f"has a value for '{name}' that is not printable ASCII text")
        if name.lower() in map(str.lower, result):
            raise ValueError(f"has '{name}' twice")
        result[name] = content
    return MappingProxyType(result)


def _is_kept(name: str) -> bool:
    """Return True if S3 keeps, or heeds, a header of this name in lower case."""
    return name in _SYSTEM_HEADERS or name.startswith("x-amz-")


# boto3's names, which settings of django-storages have.
_S3_NAMES = {
    "CacheControl": "Cache-Control",
    "ContentDisposition": "Content-Disposition",
    "ContentEncoding": "Content-Encoding",
    "ContentLanguage": "Content-Language",
    "ContentType": "Content-Type",
    "Expires": "Expires",
}
# A token of RFC 9110. These characters are enough.
_HEADER_NAME = re.compile(r"[A-Za-z0-9_.-]+")
# The headers that frame, sign or guard a request.
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


def parse_object_headers(value: object) -> ObjectHeaders:
    return value if callable(value) else parse_headers(value or {})


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


def parse_metadata(value: object) -> Mapping[str, str]:
    """Parse user metadata into headers. Names of S3's own headers stay as they are."""
    if value is None:
        return MappingProxyType({})
    if not isinstance(value, Mapping):
        raise ValueError(f"must be a mapping, not {name_type(value)}")
    result = {}
    for name, content in value.items():
        values = content if isinstance(content, list | tuple) else [content]
        is_s3s = str(name).lower() in _SYSTEM_HEADERS or str(name).lower().startswith("x-amz-")
        result[str(name) if is_s3s else f"x-amz-meta-{name}"] = ",".join(map(str, values))
    return parse_headers(result)


def parse_tags(value: object) -> str:
    """Parse object tags into the value of `x-amz-tagging`."""
    if value is None:
        return ""
    if not isinstance(value, Mapping) or len(value) > 10:
        raise ValueError("must be a mapping of up to 10 tags, names to values")
    return encode_tags(value.items())


def encode_tags(pairs: Iterable[tuple[object, object]]) -> str:
    """Return the value of `x-amz-tagging` for tags."""
    return "&".join(f"{quote(str(k), safe='')}={quote(str(v), safe='')}" for k, v in pairs)


def select_own_headers(response_headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a response that belong to the object and go with a copy of it."""
    return {
        name: value
        for name, value in response_headers.items()
        if name.lower() in _SYSTEM_HEADERS or name.lower().startswith("x-amz-meta-")
    }


def parse_retention(value: object) -> Mapping[str, str]:
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


def parse_sse(value: object) -> Mapping[str, str]:
    """Parse a `minio.sse.Sse` into its headers."""
    if value is None:
        return MappingProxyType({})
    if not callable(getattr(value, "headers", None)):
        raise ValueError("must be a minio.sse.Sse, such as SseS3()")
    sse_headers = {str(k): str(v) for k, v in value.headers().items()}  # type: ignore[attr-defined]
    return MappingProxyType(
        redact(sse_headers, [name for name in sse_headers if "customer-key" in name.lower()])
    )
