from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import connection

from django_minio_backend import MinioBackend
from django_minio_backend.references import fields, orphans
from tests.conftest import Buckets
from tests.library.models import Book
from tests.references.conftest import clean, keys, store

pytestmark = pytest.mark.django_db


def test_a_hook_tells_of_references_that_no_field_has(
    library: MinioBackend, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    buckets.change(MINIO_REFERENCES="tests.references.test_orphans.further")
    store(library, "covers/in-a-text.png", "covers/orphan.png")
    clean()
    assert keys(library) == {"covers/in-a-text.png"}
    buckets.change(MINIO_REFERENCES="tests.nowhere")
    with pytest.raises(CommandError, match="MINIO_REFERENCES"):
        clean()


ODD = ["./covers/a.png", "/covers/b.png", "covers//c.png", "covers/./d.png", "covers/x/../e.png"]


@pytest.mark.parametrize("late", [False, True])
def test_a_row_that_spells_a_name_oddly_keeps_its_file(
    library: MinioBackend, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    store(library, *(f"covers/{letter}.png" for letter in "abcde"), "covers/orphan.png")

    def add_rows() -> None:
        for name in ODD:
            Book.objects.create(cover=name)

    if late:  # after the tables were read
        real = orphans.search_orphans

        def search(*args: Any, **keywords: Any) -> orphans.Search:
            found = real(*args, **keywords)
            add_rows()
            return found

        monkeypatch.setattr(orphans, "search_orphans", search)
    else:
        add_rows()
    clean()
    assert keys(library) == {f"covers/{letter}.png" for letter in "abcde"}
    for book in Book.objects.all():
        assert book.cover.open().read() == b"content"
        assert "/covers/" in book.cover.url


def test_a_name_that_cannot_be_placed_keeps_what_it_might_mean(library: MinioBackend) -> None:
    store(library, "covers/a.png", "covers/b.png", "covers/orphan.png")
    for name in ("../media/covers/a.png", "http://old.example.com/media/covers/b.png"):
        Book.objects.create(cover=name)
    clean()
    assert keys(library) == {"covers/a.png", "covers/b.png"}


def test_a_row_keeps_what_minio_lists_as_a_folder(library: MinioBackend) -> None:
    library.s3.put("covers/a__XLDIR__", b"content", {})
    listed = keys(library)
    Book.objects.create(cover="covers/a__XLDIR__")
    clean()
    assert keys(library) == listed == {"covers/a/"}
    assert "0 references" in clean(check_missing=True)


@pytest.mark.parametrize("given", ["", None, 7])
def test_a_hook_that_gives_no_name_is_one_line(
    library: MinioBackend, buckets: Buckets, given: Any
) -> None:
    store(library, "covers/a.png")
    buckets.change(MINIO_REFERENCES=lambda storage: ["/covers/a.png", given])
    with pytest.raises(CommandError, match=f"MINIO_REFERENCES gave {given!r}, which is no name"):
        clean()
    assert keys(library) == {"covers/a.png"}
    buckets.change(MINIO_REFERENCES=lambda storage: ["/covers/a.png"])
    clean()
    assert keys(library) == {"covers/a.png"}


def test_a_router_names_the_databases(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    assert fields.list_databases(Book) == ["default"]
    settings.DATABASE_ROUTERS = ["tests.references.test_orphans.Router"]
    assert fields.list_databases(Book) == [connection.alias]


def test_a_million_names_fit_into_memory(buckets: Buckets) -> None:
    """200 MB for 1,000,000 names of 60 characters: 20 MB for a tenth."""
    storage = MinioBackend()
    referenced = fields.Referenced()
    tracemalloc.start()
    try:
        for number in range(100_000):
            referenced.add(storage, f"a/folder/of/the/year/2026/and/the/month/{number:020}")
        assert tracemalloc.get_traced_memory()[1] < 20 * 10**6
    finally:
        tracemalloc.stop()
    assert referenced.has(storage, f"a/folder/of/the/year/2026/and/the/month/{7:020}")
