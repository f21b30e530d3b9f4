from __future__ import annotations

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError

from django_minio_backend.errors import StorageFull
from django_minio_backend.staticfiles import upload
from tests.conftest import Fetch
from tests.staticfiles.conftest import MANIFEST, Site


def test_a_deploy_that_dies_midway_leaves_the_previous_one_whole(
    site: Site, monkeypatch: pytest.MonkeyPatch, fetch: Fetch
) -> None:
    site.use(MANIFEST)
    site.collect()
    before = site.storage.url("css/site.css")
    manifest = site.storage.open("staticfiles.json").read()
    site.write("css/site.css", b"body { color: red }")
    site.write("css/more.css", b"a {}")
    real = upload.Difference.store

    def failing(differing: Any, *args: Any, **keywords: Any) -> bool:
        if differing.source.name == "css/more.css":
            raise StorageFull("no room")
        return real(differing, *args, **keywords)

    monkeypatch.setattr(upload.Difference, "store", failing)
    with pytest.raises(CommandError, match="no room"):
        site.collect(no_parallel=True)
    site.use(MANIFEST)
    assert site.storage.open("staticfiles.json").read() == manifest
    assert site.storage.url("css/site.css") == before
    assert fetch(before).status == 200
    monkeypatch.undo()
    done = len(site.names())
    site.collect()
    assert site.recorder.methods.count("PUT") < 8  # what was stored already is not sent again
    assert len(site.names()) > done


def test_a_dry_run_stores_nothing(site: Site) -> None:
    out = site.collect(dry_run=True, verbosity=2)
    assert "Pretending to copy 'css/site.css'" in out
    assert "3 static files copied" in out
    assert site.recorder.methods == ["GET"]
    assert site.names() == set()


def test_a_dry_run_tells_of_hashed_names_too(site: Site) -> None:
    site.use(MANIFEST)
    out = site.collect(dry_run=True, clear=True, verbosity=2)
    assert out.count("Pretending to copy") == 6
    site.collect()
    site.storage.save("old.txt", ContentFile(b"x"))
    out = site.collect(dry_run=True, clear=True, verbosity=2)
    deleted = [line for line in out.splitlines() if line.startswith("Pretending to delete")]
    assert [line for line in deleted if "history" not in line] == ["Pretending to delete 'old.txt'"]
    assert site.recorder.methods == ["GET"]
