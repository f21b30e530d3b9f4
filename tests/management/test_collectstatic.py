from __future__ import annotations

import io
import itertools
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from django_minio_backend.staticfiles.storages import MinioBackendStatic
from tests.hostile import closed_port
from tests.staticfiles.conftest import MANIFEST, PLAIN, Site


def test_options_of_djangos_command_mean_what_they_do_there(site: Site) -> None:
    with pytest.raises(CommandError, match="Can't symlink to a remote destination"):
        site.collect(link=True)
    site.collect(ignore_patterns=["*.png"])
    assert "img/a.png" not in site.names()
    site.use(MANIFEST)
    site.collect(post_process=False)
    assert "staticfiles.json" not in site.names()


def test_clear_leaves_what_was_collected_and_nothing_else(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.use(MANIFEST)
    for number in range(5):
        site.storage.save(f"old/{number}.txt", ContentFile(b"x"))
    # As some programs mark a folder, whose key is no name.
    site.storage.s3.put("old/deep/", b"", {})
    monkeypatch.setattr("django_minio_backend.s3.client.MOST_DELETED", 3)
    site.collect(clear=True, dry_run=True)
    assert "old/1.txt" in site.names()
    site.collect(clear=True)
    assert site.recorder.methods.count("POST") == 2
    assert not {name for name in site.names() if name.startswith("old/")}
    site.collect(clear=True)
    assert site.recorder.methods.count("PUT") == 8  # stored anew, though nothing differs
    assert site.storage.url("css/site.css")


def test_clear_without_post_processing_leaves_no_manifest_of_what_is_gone(site: Site) -> None:
    site.use(MANIFEST)
    site.collect()
    site.collect(clear=True, post_process=False)
    assert site.names() == {"css/site.css", "img/a.png", "js/app.mjs"}


def test_a_server_that_is_down_is_one_line(site: Site) -> None:
    with closed_port() as endpoint:
        site.use(PLAIN, MINIO_ENDPOINT=endpoint, MINIO_HTTP_CLIENT=None, MINIO_RETRIES=0)
        with pytest.raises(CommandError, match="could not be reached"):
            site.collect()


def test_another_storage_is_collected_as_django_does(site: Site, tmp_path: Path) -> None:
    site.settings.STATIC_ROOT = str(tmp_path / "root")
    static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    site.settings.STORAGES = {**site.settings.STORAGES, "staticfiles": static}
    assert "3 static files copied to" in site.collect(clear=True)
    assert (tmp_path / "root" / "css" / "site.css").is_file()
    with pytest.raises(CommandError, match="--prune needs a manifest"):
        site.collect(prune=True)


def test_a_terminal_sees_progress(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    clock = itertools.count()
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    out = Terminal()
    call_command("collectstatic", interactive=False, stdout=out)
    empty, full = "." * 30, "#" * 30
    assert f"[{empty}] 0 of 3" in out.getvalue()
    assert f"[{full}] 3 of 3\x1b[K\r\x1b[K" in out.getvalue()
    assert MinioBackendStatic.DEFAULT_STATIC_FILES_BUCKET
