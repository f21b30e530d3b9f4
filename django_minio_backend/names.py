"""Object names, bucket names and content types: pure functions over strings."""

from __future__ import annotations

import datetime
import mimetypes
import re
from collections.abc import Mapping
from urllib.parse import quote

from django.core.exceptions import SuspiciousFileOperation

#: S3 allows 1,024 bytes of UTF-8 for a key.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES = 1024
DEFAULT_CONTENT_TYPE = "application/octet-stream"

# Control characters and the code points that XML, and so a listing, cannot carry.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_IP_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
# RFC 9110: type "/" subtype, both tokens; parameters may follow. Of a list browsers take the last.
_MEDIA_TYPE = re.compile(r"([!#$%&'*+.^_`|~\w-]+/[!#$%&'*+.^_`|~\w-]+)\s*(;[^,]*)?", re.ASCII)
# Claims that say nothing and make browsers guess: https://mimesniff.spec.whatwg.org/
_UNKNOWN_TYPES = frozenset({"unknown/unknown", "application/unknown", "*/*"})
_EXECUTABLE_TYPES = frozenset(
    {
        "text/html",
        "text/xml",
        "text/xsl",
        "application/xml",
        "text/ecmascript",
        "text/jscript",
        "text/livescript",
        "text/x-ecmascript",
        "application/ecmascript",
        "application/x-ecmascript",
        "multipart/related",
        "multipart/x-mixed-replace",
        "message/rfc822",
    }
)
# What `mimetypes` calls an encoding is, for a file that is stored as it came, its type.
_ENCODING_TYPES = {
    "gzip": "application/gzip",
    "br": "application/x-brotli",
    "bzip2": "application/x-bzip",
    "compress": "application/x-compress",
    "xz": "application/x-xz",
}


def clean_name(name: str) -> str:
    """Return `name` with forward slashes, as Django writes them.

    Raises SuspiciousFileOperation for what no object may be called: an empty or absolute name,
    empty, '.' and '..' segments, control characters, and characters that XML cannot carry.
    """
    cleaned = str(name).replace("\\", "/")
    if _UNSAFE.search(cleaned):
        raise SuspiciousFileOperation(f"Object name {name!r} holds control characters.")
    segments = cleaned.split("/")
    if not segments[0]:
        fault = "is empty" if cleaned == "" else "is absolute; names are relative to the storage"
        raise SuspiciousFileOperation(f"Object name {name!r} {fault}.")
    if not all(segments):
        raise SuspiciousFileOperation(f"Object name {name!r} has an empty segment ('//').")
    if "." in segments or ".." in segments:
        raise SuspiciousFileOperation(f"Object name {name!r} has a '.' or '..' segment.")
    return cleaned


def object_key(location: str, name: str) -> str:
    """Return the key of the object `name` below `location` ("" or a clean prefix).

    Raises SuspiciousFileOperation as `clean_name` does and for a key of over 1,024 bytes.
    """
    cleaned = clean_name(name)
    key = f"{location}/{cleaned}" if location else cleaned
    if len(key) > MAX_KEY_BYTES // 4 and len(key.encode()) > MAX_KEY_BYTES:
        raise SuspiciousFileOperation(
            f"Object name {name[:40]!r}… is too long: its key has {len(key.encode())} bytes, "
            f"S3 allows {MAX_KEY_BYTES}."
        )
    return key


def folder_prefix(location: str, path: str) -> str:
    """Return the key prefix of the folder `path` ("", "." and "/" are the root)."""
    stripped = str(path).replace("\\", "/").removesuffix("/")
    if stripped in {"", "."}:
        return f"{location}/" if location else ""
    return object_key(location, stripped) + "/"


def quote_key(key: str) -> str:
    """Percent-encode a key for a path: all but RFC 3986's unreserved characters and '/'."""
    return quote(key, safe="/~")


def bucket_name_fault(name: str) -> str:
    """Return what is wrong with a bucket name, or "" when it is fine."""
    if not _BUCKET.fullmatch(name):
        return (
            "needs 3 to 63 characters: lower-case letters, digits, hyphens and dots, "
            "first and last a letter or digit"
        )
    if ".." in name or ".-" in name or "-." in name:
        return "must not have two dots in a row, nor a hyphen beside a dot"
    if _IP_ADDRESS.fullmatch(name):
        return "must not look like an IP address"
    return ""


def get_iso_date() -> str:
    """Return today's date (UTC) as "2020-12-31"."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")


def iso_date_prefix(_instance: object, file_name: str) -> str:
    """Return `file_name` below a folder named after today (UTC); an `upload_to` callable."""
    return f"{get_iso_date()}/{file_name}"


# Migrations name an `upload_to` callable by its module, which has to be the public one for good.
iso_date_prefix.__module__ = "django_minio_backend.models"


def guess_content_type(name: str) -> str | None:
    """Return the type that the name's extension stands for, or None when it says nothing."""
    content_type, encoding = mimetypes.guess_type(name)
    return _ENCODING_TYPES.get(encoding, content_type) if encoding else content_type


# What a machine's own list of types may lack or have wrong.
_STATIC_TYPES = {
    "avif": "image/avif",
    "css": "text/css",
    "eot": "application/vnd.ms-fontobject",
    "ico": "image/x-icon",
    "js": "text/javascript",
    "json": "application/json",
    "map": "application/json",
    "mjs": "text/javascript",
    "otf": "font/otf",
    "svg": "image/svg+xml",
    "ttf": "font/ttf",
    "wasm": "application/wasm",
    "webmanifest": "application/manifest+json",
    "webp": "image/webp",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "xml": "application/xml",
}
_WITH_CHARSET = re.compile(r"text/.*|application/(.*\+)?(json|xml)|image/svg\+xml")


def static_content_type(name: str) -> str:
    """Return the type of a file that is the project's own, with the charset of its text."""
    extension = name.rpartition(".")[2].lower()
    found = _STATIC_TYPES.get(extension) or guess_content_type(name) or DEFAULT_CONTENT_TYPE
    return f"{found}; charset=utf-8" if _WITH_CHARSET.fullmatch(found) else found


def is_executable(content_type: str) -> bool:
    """Say whether a browser that opens this type may run script from it."""
    essence = content_type.partition(";")[0].strip().lower()
    # JavaScript has many names, text/javascript1.5 among them: https://mimesniff.spec.whatwg.org/
    return essence in _EXECUTABLE_TYPES or essence.endswith("+xml") or "javascript" in essence


def choose_content_type(name: str, claim: object) -> str:
    """Return the type to store: the upload's claim, then the name's, then octet-stream.

    The claim comes from whoever uploads. One that is no media type, or that makes browsers
    guess, counts as none; one that a browser would execute never beats a name that says
    otherwise.
    """
    by_name = guess_content_type(name)
    match = _MEDIA_TYPE.fullmatch(claim.strip()) if isinstance(claim, str) else None
    if match is None or match[1].lower() in _UNKNOWN_TYPES or not is_printable_ascii(match[0]):
        return by_name or DEFAULT_CONTENT_TYPE
    if by_name is not None and is_executable(match[0]) and by_name != match[1].lower():
        return by_name
    return match[0]


def is_printable_ascii(value: str) -> bool:
    """Say whether a header may carry `value`: printable ASCII."""
    return value.isascii() and value.isprintable()


def media_headers(name: str, claim: object) -> Mapping[str, str]:
    """Return Content-Type and what keeps a browser from running the content."""
    content_type = choose_content_type(name, claim)
    if is_executable(content_type):
        return {"Content-Type": content_type, "Content-Disposition": "attachment"}
    return {"Content-Type": content_type}
