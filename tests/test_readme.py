"""What the README shows works, and its table of options is the truth."""

from __future__ import annotations

import re
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test.utils import isolate_apps

from django_minio_backend import checks, declared, errors, options
from django_minio_backend.options import FIELDS
from django_minio_backend.storage import configured
from tools.minio_server import Server

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def shown(server: Server, settings: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that the README's first block, its settings, defines; they are in force."""
    monkeypatch.setenv("MINIO_ENDPOINT", server.endpoint)
    monkeypatch.setenv("MINIO_ACCESS_KEY", server.access_key)
    monkeypatch.setenv("MINIO_SECRET_KEY", server.secret_key)
    monkeypatch.setenv("MINIO_USE_HTTPS", str(server.secure).lower())
    namespace: dict[str, Any] = {"__name__": "django.contrib.auth.shown_in_the_readme"}
    exec(BLOCKS[0], namespace)
    settings.STORAGES = namespace["STORAGES"]
    call_command("initialize_buckets", silenced=True)
    return namespace


def test_every_python_block_runs(shown: dict[str, Any]) -> None:
    with isolate_apps("django.contrib.auth"):
        for block in BLOCKS[1:]:
            exec(block, shown)
    assert shown["files"] == ["2026.csv", "export.csv"] or "export.csv" in shown["files"]
    assert shown["header"] == b"a,b\n"
    assert shown["read_report"]("nowhere") == b""
    assert shown["status"]
    storage = shown["Customer"]._meta.get_field("invoice").storage
    assert storage.bucket == "my-invoices"
    for extra in ("behind_proxy", "rotating"):
        declared.for_storage({**shown["MINIO"], **shown[extra]})


def test_the_output_of_initialize_buckets_is_real(shown: dict[str, Any]) -> None:
    shows = README.split("### initialize_buckets")[1]
    printed = shows.split("$ python manage.py initialize_buckets\n")[1].split("```")[0]
    for _, storage in configured():
        for bucket in (*storage.options.private_buckets, *storage.options.public_buckets):
            for page in storage.s3.for_bucket(bucket).pages(""):
                for entry in page.entries:
                    storage.s3.for_bucket(bucket).delete(entry.key)
            storage.s3.for_bucket(bucket).transport.send("DELETE")
    out = StringIO()
    call_command("initialize_buckets", stdout=out)
    assert out.getvalue() == printed


def test_the_table_of_checks_is_complete() -> None:
    factories = [value for value in vars(checks).values() if isinstance(value, partial)]
    known = {factory("text").id for factory in factories}
    assert set(re.findall(r"^\| `(django_minio_backend\.[EW]\d+)` \|", README, re.M)) == known


def test_the_table_of_options_is_complete() -> None:
    rows = re.findall(r"^\| (`MINIO_.*?) \|", README, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"MINIO_\w+", row)}
    assert named == {name for name in options.NAMES if name.startswith("MINIO_")}
    keywords = {name for name in FIELDS if name.islower()}
    assert all(f"`{name}`" in README for name in keywords | {"bucket_name", "storage_name"})


def test_the_table_of_exceptions_is_complete() -> None:
    kinds = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.StorageError)
    }
    assert all(f"`{name}`" in README for name in kinds)


def test_every_file_that_the_documents_link_to_is_there() -> None:
    for document in ROOT.glob("*.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (ROOT / target).exists(), f"{document.name} links to {target}"
