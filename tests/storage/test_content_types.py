"""Types of files that do not depend on the machine, and the charset of text."""

from __future__ import annotations

import io
import mimetypes
from collections.abc import Iterator

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile

from django_minio_backend import MinioBackend
from django_minio_backend.storage import content_types
from tests.conftest import Fetch


@pytest.fixture(params=[True, False], ids=["with the machine's list", "without it"])
def types(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Python's types, with and without those of /etc/mime.types."""
    if not request.param:
        monkeypatch.setattr(mimetypes, "knownfiles", [])
    mimetypes.init()
    content_types._make_machine_types.cache_clear()
    yield
    monkeypatch.undo()
    mimetypes.init()
    content_types._make_machine_types.cache_clear()


@pytest.mark.usefixtures("types")
@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        (
            "A.DOCX",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        ("a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("a.webp", "image/webp"),
        ("a.m4a", "audio/mp4"),
        ("a.ogg", "audio/ogg"),
        ("a.epub", "application/epub+zip"),
        ("a.avif", "image/avif"),
        ("a.md", "text/markdown"),
        ("a.tar.gz", "application/gzip"),
    ],
)
def test_types_do_not_depend_on_the_machine(name: str, content_type: str) -> None:
    assert content_types.guess_content_type(name) == content_type
    for claim in ("application/octet-stream", "binary/octet-stream", None):
        assert content_types.choose_content_type(name, claim) == content_type


@pytest.mark.usefixtures("types")
def test_what_the_project_adds_counts() -> None:
    mimetypes.add_type("application/x-own", ".webp")
    mimetypes.add_type("application/x-rare", ".rarest")
    assert content_types.guess_content_type("a.webp") == "application/x-own"
    assert content_types.guess_content_type("a.rarest") == "application/x-rare"


LATIN = "Übersicht".encode("latin-1")


@pytest.mark.parametrize(
    ("name", "content", "content_type"),
    [
        ("a.txt", "Übersicht", "text/plain; charset=utf-8"),
        ("a.csv", "ä,b".encode(), "text/csv; charset=utf-8"),
        ("a.txt", LATIN, "text/plain"),
        ("a.txt", b"x" * 70000 + LATIN, "text/plain"),
        ("a.png", b"\x89PNG", "image/png"),
        ("a.html", "<p>ö", "text/html; charset=utf-8"),
    ],
)
def test_text_has_its_charset(
    storage: MinioBackend, fetch: Fetch, name: str, content: str | bytes, content_type: str
) -> None:
    saved = storage.save(name, ContentFile(content))
    assert fetch(storage.url(saved)).headers["Content-Type"] == content_type
    data = content.encode() if isinstance(content, str) else content
    with storage.open(f"written/{name}", "wb") as file:
        file.write(data)
    assert storage.stat(f"written/{name}").content_type == content_type


@pytest.mark.parametrize("end", ["ö", "\N{GRINNING FACE}"])
@pytest.mark.parametrize("parts", [False, True])
def test_large_text_has_its_charset_by_its_beginning(
    storage: MinioBackend, end: str, parts: bool
) -> None:
    # A letter that the look at the beginning cuts in two.
    text = "x" + end * (11 * 2**20 // len(end.encode()))
    content = iter([text.encode()]) if parts else ContentFile(text.encode())
    name = storage.save("a.txt", content)
    assert storage.stat(name).content_type == "text/plain; charset=utf-8"


def test_a_claim_with_a_charset_stays(storage: MinioBackend) -> None:
    upload = SimpleUploadedFile("a.txt", "ö".encode(), "text/plain; charset=iso-8859-1")
    name = storage.save("a.txt", upload)
    assert storage.stat(name).content_type == "text/plain; charset=iso-8859-1"
    assert storage.save("b.txt", io.BytesIO(b"x"))
