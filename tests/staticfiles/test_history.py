from __future__ import annotations

import datetime
import json

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError

from django_minio_backend.staticfiles import history, upload
from tests.staticfiles.conftest import MANIFEST, Site


def test_prune_deletes_what_no_manifest_in_use_names(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.use(MANIFEST)
    site.collect()
    first = site.storage.stored_name("css/site.css")
    site.write("css/site.css", b"body { color: red }")
    site.collect()
    second = site.storage.stored_name("css/site.css")
    site.write("css/site.css", b"body { color: blue }")
    site.collect(prune=True)
    assert {first, second} <= site.names()
    out = site.collect(prune=True, keep_days=0, dry_run=True)
    assert f"Pretending to delete '{first}'" in out
    assert first in site.names()
    out = site.collect(prune=True, keep_days=0)
    assert f"Deleting '{first}'" in out
    names = site.names()
    assert not {first, second} & names
    assert {"css/site.css", site.storage.stored_name("css/site.css"), "img/a.png"} <= names
    assert site.storage.stored_name("img/a.png") in names


def test_prune_keeps_what_was_in_use_in_the_last_days(site: Site) -> None:
    site.use(MANIFEST)
    site.collect()
    (kept,) = (name for name in site.names() if name.startswith("staticfiles.json.history/"))
    manifest = {"paths": {"old.css": "old.0123456789ab.css"}, "version": "1.1", "hash": "x"}
    now = datetime.datetime.now(datetime.UTC)
    for days in (50, 20):
        manifest["paths"] = {"old.css": f"old.{days:012}.css"}
        name = history.make_history_name("staticfiles.json", now - datetime.timedelta(days=days))
        site.storage.save(name, ContentFile(json.dumps(manifest).encode()))
    found = upload.list_entries(site.storage)

    def named(days: int) -> set[str]:
        return history.find_names_in_manifests(
            site.storage, found, now - datetime.timedelta(days=days)
        )

    # The one of 50 days ago was in use until 20 days ago.
    assert {"old.000000000050.css", "old.000000000020.css"} <= named(30)
    assert "old.000000000050.css" not in named(10)
    assert "old.000000000020.css" in named(10)
    assert {kept, "staticfiles.json", "css/site.css"} <= named(1)


def test_prune_needs_a_manifest(site: Site) -> None:
    with pytest.raises(CommandError, match="use MinioBackendStaticManifest"):
        site.collect(prune=True)
