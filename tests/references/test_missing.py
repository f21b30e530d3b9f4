from __future__ import annotations

import csv
import io
import json

import pytest
from django.core.management import CommandError

from django_minio_backend import MinioBackend
from tests.conftest import Recorder
from tests.library.models import Book
from tests.references.conftest import FIELDS, clean, keys, store

pytestmark = pytest.mark.django_db


def test_missing_objects_are_reported(library: MinioBackend) -> None:
    store(library, "covers/a.png", "elsewhere.png")
    Book.objects.create(cover="covers/a.png")
    moved = Book.objects.create(cover="elsewhere.png")
    lost = Book.objects.create(cover="covers/lost.png", scan="../odd")
    printed = clean(check_missing=True)
    assert f"library.Book {lost.pk}: cover covers/lost.png, not in {library.bucket}\n" in printed
    assert "2 references to missing objects." in printed
    assert f"Book {moved.pk}:" not in printed
    rows = list(csv.reader(io.StringIO(clean(check_missing=True, format="csv"))))
    assert rows[0] == ["model", "field", "pk", "name", "bucket"]
    assert ["library.Book", "cover", str(lost.pk), "covers/lost.png", library.bucket] in rows
    listed = json.loads(clean(check_missing=True, format="json"))
    odd = {"model": "library.Book", "field": "scan", "pk": str(lost.pk), "name": "../odd"}
    assert {**odd, "bucket": library.bucket} in listed
    with pytest.raises(CommandError, match="2 references"):
        clean(check_missing=True, fail_on_missing=True)
    assert keys(library) == {"covers/a.png", "elsewhere.png"}


def test_looking_for_missing_objects_is_one_listing(
    library: MinioBackend, monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    recorded = MinioBackend(http_client=recorder)
    for model, name in FIELDS:
        monkeypatch.setattr(model._meta.get_field(name), "storage", recorded)
    for number in range(20):
        Book.objects.create(cover=f"covers/{number}.png")
    clean(check_missing=True)
    assert recorder.methods == ["GET"]
