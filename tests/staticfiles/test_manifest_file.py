from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackendStaticManifest
from tests.staticfiles.conftest import MANIFEST, Site


def test_making_the_storage_and_linking_ask_for_the_manifest_once(site: Site) -> None:
    site.use(MANIFEST)
    site.collect()
    site.use(MANIFEST)
    site.recorder.requests.clear()
    storage = site.storage
    assert site.recorder.requests == []
    for _ in range(3):
        storage.url("css/site.css")
        storage.url("img/a.png")
    assert site.recorder.methods == ["GET"]


def test_a_manifest_in_static_root_saves_asking(site: Site, tmp_path: Path) -> None:
    site.settings.STATIC_ROOT = str(tmp_path / "root")
    site.use(MANIFEST)
    site.collect()
    site.use(MANIFEST)
    site.recorder.requests.clear()
    assert site.storage.is_hashed(site.storage.url("css/site.css"))
    assert site.recorder.requests == []
    assert (tmp_path / "root" / "staticfiles.json").is_file()


def test_a_missing_manifest_says_what_to_run(site: Site) -> None:
    site.use(MANIFEST)
    with pytest.raises(ValueError, match=r"no staticfiles\.json .*run `manage\.py collectstatic`"):
        site.storage.url("css/site.css")
    site.collect()
    with pytest.raises(ValueError, match=r"Missing staticfiles manifest entry for 'nowhere\.css'"):
        site.storage.url("nowhere.css")


def test_a_manifest_that_is_not_strict_links_to_the_plain_name(site: Site) -> None:
    site.use("tests.staticfiles.test_manifest_file.Lenient")
    site.collect()
    site.write("late.css", b"body {}")
    site.storage.replace("late.css", ContentFile(b"body {}"))
    assert site.storage.url("late.css").endswith("/late.fcdce6b6d6e2.css")


class Elsewhere(MinioBackendStaticManifest):
    folder = ""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        kept = StaticFilesStorage(location=self.folder)
        super().__init__(*args, manifest_storage=kept, **keywords)


def test_a_manifest_storage_of_ones_own_gets_the_manifest(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Elsewhere, "folder", str(tmp_path / "kept"))
    site.use("tests.staticfiles.test_manifest_file.Elsewhere")
    for _ in range(2):
        site.collect()
        assert (tmp_path / "kept" / "staticfiles.json").is_file()
    assert "staticfiles.json" not in site.names()
    site.use("tests.staticfiles.test_manifest_file.Elsewhere")
    assert site.storage.is_hashed(site.storage.url("css/site.css"))


class Lenient(MinioBackendStaticManifest):
    manifest_strict = False
