"""Names of objects and buckets: pure functions over strings."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterable
from typing import cast
from urllib.parse import quote

from django.core.exceptions import SuspiciousFileOperation

#: S3 allows 1,024 bytes of UTF-8 for a key.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES = 1024

# Control characters, and code points that XML (and so a listing) cannot carry.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# https://github.com/minio/minio/blob/master/cmd/utils.go (globalDirSuffix)
_FOLDED = "__XLDIR__"
_IP_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")


def clean_name(name: str) -> str:
    """Return `name` as Django's storages read it: with forward slashes, and normalised.

    "/docs/x", "./docs/x" and "docs//x" are "docs/x": another storage may have written them into
    rows. Raises SuspiciousFileOperation for a name that is empty or leads out of the storage, and
    for control characters and those that XML cannot carry.
    """
    if name is None:
        raise TypeError("The name of a file must be a string or a path, not None.")
    slashed = str(name).replace("\\", "/")
    if _UNSAFE.search(slashed):
        raise SuspiciousFileOperation(f"Object name {name!r} holds control characters.")
    cleaned = posixpath.normpath(slashed.removeprefix("/"))
    if cleaned == ".":
        raise SuspiciousFileOperation(f"Could not derive file name from '{name}'")
    if cleaned.startswith(("/", "../")) or cleaned == "..":
        raise SuspiciousFileOperation(f"Detected path traversal attempt in '{name}'")
    return cleaned


def refuse_folded(name: str) -> None:
    """Raise SuspiciousFileOperation for a name that MinIO takes for a folder's.

    MinIO stores "a/" as "a__XLDIR__", so both names would be one object.
    """
    if is_folded(str(name)):
        raise SuspiciousFileOperation(
            f"Object name {name!r} has a segment that ends in {_FOLDED}, which MinIO keeps for "
            "folders: use another name."
        )


def is_folded(key: str) -> bool:
    """Return True for a key that MinIO may take for a folder's."""
    return _FOLDED in key and any(segment.endswith(_FOLDED) for segment in key.split("/"))


def fold(key: str) -> str:
    """Return the key under which MinIO lists an object: "a/" for "a__XLDIR__"."""
    return f"{key.removesuffix(_FOLDED)}/" if key.endswith(_FOLDED) else key


def make_key(location: str, name: str) -> str:
    """Return the key of the object `name` below `location` ("" or a clean prefix).

    Raises SuspiciousFileOperation as `clean_name` does, and for a key of over 1,024 bytes.
    """
    cleaned = clean_name(name)
    key = f"{location}/{cleaned}" if location else cleaned
    if len(key) > MAX_KEY_BYTES // 4 and len(key.encode()) > MAX_KEY_BYTES:
        raise SuspiciousFileOperation(
            f"Object name {str(name)[:40]!r}… is too long: its key has {len(key.encode())} bytes, "
            f"S3 allows {MAX_KEY_BYTES}."
        )
    return key


def make_prefix(location: str, path: str) -> str:
    """Return the key prefix of the folder `path` ("", "." and "/" are the root)."""
    stripped = str(path).replace("\\", "/").removesuffix("/")
    if stripped in {"", "."}:
        return f"{location}/" if location else ""
    return make_key(location, stripped) + "/"


def keep_outermost(prefixes: Iterable[str]) -> tuple[str, ...]:
    """Return the prefixes that are not within another one, sorted."""
    outermost: list[str] = []
    for prefix in sorted(prefixes):
        if not any(prefix.startswith(outer) for outer in outermost):
            outermost.append(prefix)
    return tuple(outermost)


def quote_link(key: str) -> str:
    """Percent-encode a key for a public link, as Django's `filepath_to_uri` does."""
    return quote(key, safe="/~!*()'")


def quote_odd(name: str) -> str:
    """Percent-encode an invalid object name as one segment. Such a link leads nowhere."""
    encoded = str(name).encode("utf-8", "replace")
    return quote(encoded, safe="").replace(".", "%2E")


def shorten(name: str, most: int) -> str:
    """Return a name of up to `most` characters, always the same for the same name.

    Raises SuspiciousFileOperation, with Django's words, if there is no room.
    """
    folder, last = posixpath.split(name)
    root, extension = posixpath.splitext(last)
    mark = "_" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:7]
    room = most - len(name) + len(root) - len(mark)
    if room < 1:
        raise SuspiciousFileOperation(
            f'Storage can not find an available filename for "{name}". Please make sure that the '
            'corresponding file field allows sufficient "max_length".'
        )
    return posixpath.join(folder, f"{root[:room]}{mark}{extension}")


def make_new_name(name: str, max_length: int | None) -> str:
    """Return the name that a new file is stored under: cleaned, and cut if it is too long.

    Raises SuspiciousFileOperation for a name that is invalid or MinIO's, or cannot be cut.
    """
    refuse_folded(name)
    cleaned = clean_name(name)
    fits = max_length is None or len(cleaned) <= max_length
    return cleaned if fits else shorten(cleaned, cast(int, max_length))


def quote_key(key: str) -> str:
    """Percent-encode a key for a path: all but RFC 3986's unreserved characters and '/'."""
    return quote(key, safe="/~")


def find_bucket_name_fault(name: str) -> str:
    """Return the fault of a bucket name, "" if it has none."""
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


def is_printable_ascii(value: str) -> bool:
    """Return True if a header may carry `value`: printable ASCII."""
    return value.isascii() and value.isprintable()
