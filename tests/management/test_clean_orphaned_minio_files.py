from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from django_minio_backend import MinioBackend
from tests.references.conftest import clean, keys, store

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "limit", [{"max_delete": 1}, {"max_percent": 50}], ids=["number", "percent"]
)
def test_a_run_that_looks_wrong_deletes_nothing(
    library: MinioBackend, limit: dict[str, int]
) -> None:
    store(library, "covers/a.png", "covers/b.png")
    with pytest.raises(CommandError, match=r"--max-.*: stopped"):
        clean(**limit)
    assert len(keys(library)) == 2
    clean(max_delete=2, max_percent=100)
    assert keys(library) == set()


@pytest.mark.parametrize(("answer", "left"), [("yes", 0), ("no", 1), ("", 1)])
def test_a_terminal_is_asked_first(
    library: MinioBackend, monkeypatch: pytest.MonkeyPatch, answer: str, left: int
) -> None:
    store(library, "covers/a.png")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    if left:
        with pytest.raises(CommandError, match="Nothing was deleted"):
            clean(interactive=True)
    else:
        clean(interactive=True)
    assert len(keys(library)) == left


def test_json_is_for_programs(library: MinioBackend) -> None:
    store(library, "covers/a.png")
    found = json.loads(clean(json=True, dry_run=True))
    assert found == {
        "buckets": [library.bucket],
        "objects": 1,
        "orphans": [{"bucket": library.bucket, "key": "covers/a.png", "size": 7}],
        "bytes": 7,
        "young": 0,
        "foreign": 0,
        "unfinished_uploads": [],
        "running_uploads": 0,
        "uploads_not_listed": [],
        "unresolved": [],
        "dry_run": True,
    }
    assert clean(silenced=True) == ""


def test_one_reference_is_one(storage: MinioBackend, db: None) -> None:
    from io import StringIO

    from tests.library.models import Book

    Book.objects.create(cover="gone.png")
    out = StringIO()
    call_command("clean_orphaned_minio_files", check_missing=True, stdout=out)
    assert out.getvalue().endswith("1 reference to a missing object.\n")
    Book.objects.all().delete()
    out = StringIO()
    call_command("clean_orphaned_minio_files", check_missing=True, format="json", stdout=out)
    assert out.getvalue() == "[]\n"
