"""Content types of files: pure functions over names, claims and the first bytes."""

from __future__ import annotations

import codecs
import mimetypes
import os
import posixpath
import re
from collections.abc import Mapping
from functools import cache

from django_minio_backend.names import is_printable_ascii

DEFAULT_CONTENT_TYPE = "application/octet-stream"

# RFC 9110: type "/" subtype, both tokens, and parameters. Browsers take the last of a list.
_MEDIA_TYPE = re.compile(r"([!#$%&'*+.^_`|~\w-]+/[!#$%&'*+.^_`|~\w-]+)\s*(;[^,]*)?", re.ASCII)
# These claims say nothing, and make browsers guess: https://mimesniff.spec.whatwg.org/
_UNKNOWN_TYPES = frozenset(
    {
        "unknown/unknown",
        "application/unknown",
        "application/octet-stream",
        "binary/octet-stream",
        "*/*",
    }
)
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
# `mimetypes` calls ".gz" an encoding. We store the file unchanged, so for us it is the content
# type.
_ENCODING_TYPES = {
    "gzip": "application/gzip",
    "br": "application/x-brotli",
    "bzip2": "application/x-bzip",
    "compress": "application/x-compress",
    "xz": "application/x-xz",
}


def guess_content_type(name: str) -> str | None:
    """Return the type of the name's extension, None if it is unknown.

    The project's additions to `mimetypes` count first, then our own list, then the machine's.
    """
    content_type, encoding = mimetypes.guess_type(name)
    if encoding:
        return _ENCODING_TYPES.get(encoding, content_type)
    extension = posixpath.splitext(name)[1].lower()
    if content_type != _make_machine_types().get(extension):
        return content_type
    return _MEDIA_TYPES.get(extension[1:]) or _STATIC_TYPES.get(extension[1:]) or content_type


@cache
def _make_machine_types() -> Mapping[str, str]:
    """Return the types that Python and the machine know, without the project's additions."""
    known = mimetypes.MimeTypes()
    for path in filter(os.path.isfile, mimetypes.knownfiles):
        known.read(path)
    return known.types_map[1]


# https://www.iana.org/assignments/media-types and the names that browsers and office programs use.
_MEDIA_TYPES = {
    "3gp": "video/3gpp",
    "7z": "application/x-7z-compressed",
    "aac": "audio/aac",
    "apng": "image/apng",
    "avi": "video/x-msvideo",
    "bmp": "image/bmp",
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "eml": "message/rfc822",
    "epub": "application/epub+zip",
    "flac": "audio/flac",
    "geojson": "application/geo+json",
    "gif": "image/gif",
    "glb": "model/gltf-binary",
    "gltf": "model/gltf+json",
    "gpx": "application/gpx+xml",
    "heic": "image/heic",
    "heif": "image/heif",
    "ics": "text/calendar",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "jxl": "image/jxl",
    "kml": "application/vnd.google-earth.kml+xml",
    "m4a": "audio/mp4",
    "m4v": "video/x-m4v",
    "md": "text/markdown",
    "mid": "audio/midi",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "ogv": "video/ogg",
    "opus": "audio/ogg",
    "parquet": "application/vnd.apache.parquet",
    "pdf": "application/pdf",
    "png": "image/png",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "rar": "application/vnd.rar",
    "rtf": "application/rtf",
    "tar": "application/x-tar",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "tsv": "text/tab-separated-values",
    "txt": "text/plain",
    "vcf": "text/vcard",
    "vtt": "text/vtt",
    "wav": "audio/wav",
    "weba": "audio/webm",
    "webm": "video/webm",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "zip": "application/zip",
}
# The types that a machine's own list may lack, or have wrong.
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


def guess_static_content_type(name: str) -> str:
    """Return the type of a project's own file, with the charset of its text."""
    extension = name.rpartition(".")[2].lower()
    content_type = _STATIC_TYPES.get(extension) or guess_content_type(name) or DEFAULT_CONTENT_TYPE
    return (
        f"{content_type}; charset=utf-8" if _WITH_CHARSET.fullmatch(content_type) else content_type
    )


def is_executable(content_type: str) -> bool:
    """Return True if a browser that opens this type may run a script in it."""
    essence = content_type.partition(";")[0].strip().lower()
    # JavaScript has many names, such as text/javascript1.5: https://mimesniff.spec.whatwg.org/
    return essence in _EXECUTABLE_TYPES or essence.endswith("+xml") or "javascript" in essence


def choose_content_type(name: str, claim: object) -> str:
    """Return the type to store: the upload's claim, else the name's, else octet-stream.

    The user who uploads makes the claim. It does not count if it is no media type or makes browsers
    guess. A type that browsers execute never wins over a name with another type.
    """
    by_name = guess_content_type(name)
    match = _MEDIA_TYPE.fullmatch(claim.strip()) if isinstance(claim, str) else None
    if match is None or match[1].lower() in _UNKNOWN_TYPES or not is_printable_ascii(match[0]):
        return by_name or DEFAULT_CONTENT_TYPE
    if by_name is not None and is_executable(match[0]) and by_name != match[1].lower():
        return by_name
    return match[0]


def add_charset(
    headers: Mapping[str, str], content: bytes | bytearray, *, is_all: bool
) -> Mapping[str, str]:
    """Return the headers of a text with its charset, if its first bytes are UTF-8.

    Without a charset browsers guess, and may show wrong letters. `is_all` is False if there is more
    content.
    """
    name = next((n for n in headers if n.lower() == "content-type"), "")
    content_type = headers.get(name, "")
    is_text = content_type.lower().startswith("text/") and ";" not in content_type
    if not is_text or any(n.lower() == "content-encoding" for n in headers):
        return headers
    try:
        codecs.getincrementaldecoder("utf-8")().decode(bytes(content), is_all)
    except UnicodeDecodeError:
        return headers
    return {**headers, name: f"{content_type}; charset=utf-8"}


def make_media_headers(name: str, claim: object) -> Mapping[str, str]:
    """Return Content-Type, and the headers that keep a browser from running the content."""
    content_type = choose_content_type(name, claim)
    if is_executable(content_type):
        return {"Content-Type": content_type, "Content-Disposition": "attachment"}
    return {"Content-Type": content_type}


def merge_headers(headers: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Return `headers` updated by `more`. The case of header names does not matter."""
    replaced = {name.lower() for name in more}
    return {**{n: v for n, v in headers.items() if n.lower() not in replaced}, **more}
