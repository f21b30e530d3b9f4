from __future__ import annotations

import re

import pytest
from django.core.exceptions import SuspiciousFileOperation

from django_minio_backend import models, names
from django_minio_backend.storage import content_types
from tests.bad_names import BAD_NAMES


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_no_object_may_have_are_refused(name: str) -> None:
    with pytest.raises(SuspiciousFileOperation):
        names.make_key("", name)


@pytest.mark.parametrize(
    "name", ["docs/x", "./docs/x", "/docs/x", "docs//x", "docs/./x", "docs/y/../x", "\\docs\\x"]
)
def test_names_mean_what_django_reads_in_them(name: str) -> None:
    assert names.make_key("media", name) == "media/docs/x"


def test_a_key_of_1024_bytes_is_the_longest() -> None:
    assert names.make_key("", "é" * 512) == "é" * 512
    with pytest.raises(SuspiciousFileOperation, match="1026 bytes, S3 allows 1024"):
        names.make_key("", "é" * 513)
    with pytest.raises(SuspiciousFileOperation, match="too long"):
        names.make_key("media", "é" * 512)


def test_backslashes_become_slashes_as_in_django() -> None:
    assert names.make_key("media", "a\\b.txt") == "media/a/b.txt"


@pytest.mark.parametrize(
    ("path", "prefix"), [("", "media/"), (".", "media/"), ("/", "media/"), ("a", "media/a/")]
)
def test_a_folder_is_a_prefix_below_the_location(path: str, prefix: str) -> None:
    assert names.make_prefix("media", path) == prefix


def test_the_root_without_location_is_the_empty_prefix() -> None:
    assert names.make_prefix("", "") == ""


@pytest.mark.parametrize(
    "name", ["ab", "A-bucket", "-bucket", "bucket-", "a..b", "a.-b", "192.168.1.1", "b" * 64, "a_b"]
)
def test_invalid_bucket_names_have_a_fault(name: str) -> None:
    assert names.find_bucket_name_fault(name)


@pytest.mark.parametrize("name", ["abc", "my.bucket-1", "7xi7lx9rjh", "b" * 63])
def test_valid_bucket_names_have_none(name: str) -> None:
    assert names.find_bucket_name_fault(name) == ""


def test_the_iso_date_prefix_is_todays_folder() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d/cat\.png", models.iso_date_prefix(None, "cat.png"))


@pytest.mark.parametrize(
    ("name", "claim", "stored"),
    [
        ("a.png", "image/png", "image/png"),
        ("a.bin", "text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("a.png", None, "image/png"),
        ("a", None, "application/octet-stream"),
        ("a.tar.gz", None, "application/gzip"),
        # A claim that a browser would execute never beats a name that says otherwise.
        ("a.png", "text/html", "image/png"),
        ("a.png", "IMAGE/SVG+XML; charset=x", "image/png"),
        ("a.txt", "application/javascript", "text/plain"),
        ("a.txt", "text/javascript1.5", "text/plain"),
        ("a.txt", "application/x-javascript", "text/plain"),
        ("a.txt", "text/javascript", "text/plain"),
        ("a.txt", "text/xsl", "text/plain"),
        ("a.png", "image/png;,text/html", "image/png"),
        ("a", "image/png;,text/html", "application/octet-stream"),
        ("a.html", "text/html; charset=utf-8", "text/html; charset=utf-8"),
        # What is no media type, or makes browsers guess, is no claim.
        ("a.png", "", "image/png"),
        ("a.png", "nonsense", "image/png"),
        ("a.png", "*/*", "image/png"),
        ("a.png", "text/html\r\nX-Evil: 1", "image/png"),
        ("a.png", "text/plain; charset=\u20ac", "image/png"),
        ("a", 7, "application/octet-stream"),
    ],
)
def test_content_type_choice(name: str, claim: object, stored: str) -> None:
    assert content_types.choose_content_type(name, claim) == stored


@pytest.mark.parametrize(
    "name", ["x.html", "x.xhtml", "x.svg", "x.xml", "x.js", "x.mjs", "x.htm", "x.rss"]
)
def test_what_a_browser_would_execute_is_stored_as_an_attachment(name: str) -> None:
    headers = content_types.make_media_headers(name, None)
    assert headers["Content-Disposition"] == "attachment"


def test_a_nameless_executable_claim_is_an_attachment_too() -> None:
    assert content_types.make_media_headers("x", "text/html") == {
        "Content-Type": "text/html",
        "Content-Disposition": "attachment",
    }


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.js.map", "application/json; charset=utf-8"),
        ("a.json", "application/json; charset=utf-8"),
        ("site.webmanifest", "application/manifest+json; charset=utf-8"),
        ("a.svg", "image/svg+xml; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.wasm", "application/wasm"),
        ("a.woff2", "font/woff2"),
        ("A.WOFF", "font/woff"),
        ("a.ttf", "font/ttf"),
        ("a.png", "image/png"),
        ("LICENSE", "application/octet-stream"),
    ],
)
def test_static_files_have_the_right_type_and_charset(name: str, content_type: str) -> None:
    assert content_types.guess_static_content_type(name) == content_type
