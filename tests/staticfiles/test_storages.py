from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import call_command
from django.templatetags.static import static as static_link

from django_minio_backend import MinioBackendStatic, MinioBackendStaticManifest
from tests.conftest import Buckets, Fetch


@pytest.fixture
def static(buckets: Buckets, settings: Any, tmp_path: Path) -> MinioBackendStatic:
    settings.STORAGES = {
        "default": settings.STORAGES["default"],
        "staticfiles": {
            "BACKEND": "django_minio_backend.models.MinioBackendStatic",
            "OPTIONS": buckets.options,
        },
    }
    (tmp_path / "css").mkdir()
    (tmp_path / "css" / "site.css").write_text("body {}")
    (tmp_path / "page.html").write_text("<p>")
    settings.STATICFILES_DIRS = [tmp_path]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    call_command("initialize_buckets", silenced=True)
    made = storages["staticfiles"]
    assert isinstance(made, MinioBackendStatic)
    return made


def test_collectstatic_fills_a_public_bucket(static: MinioBackendStatic, fetch: Fetch) -> None:
    call_command("collectstatic", interactive=False, verbosity=0)
    assert static.listdir("") == (["css"], ["page.html"])
    answer = fetch(static_link("css/site.css"))
    assert (answer.status, answer.data) == (200, b"body {}")
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=60"


def test_collectstatic_clear_empties_the_bucket(static: MinioBackendStatic) -> None:
    static.save("old.txt", ContentFile(b"x"))
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    assert not static.exists("old.txt")
    assert static.exists("page.html")


def test_static_pages_are_pages_not_downloads(static: MinioBackendStatic, fetch: Fetch) -> None:
    call_command("collectstatic", interactive=False, verbosity=0)
    assert "Content-Disposition" not in fetch(static.url("page.html")).headers


def test_static_links_follow_djangos_habits(static: MinioBackendStatic) -> None:
    base = f"{static.base_url_external}/{static.bucket}/"
    assert static.url("") == base
    assert static.url("css/") == f"{base}css/"
    assert static.url("/css/site.css") == f"{base}css/site.css"
    assert static.url("a b.css") == f"{base}a%20b.css"
    assert static.url("../secret") == f"{base}%2E%2E%2Fsecret"


def test_the_static_bucket_is_public_whatever_the_lists_say(buckets: Buckets) -> None:
    storage = MinioBackendStatic(**buckets.options)
    assert storage.bucket == buckets.static
    assert storage.is_bucket_public
    declared = {**buckets.options, "MINIO_PRIVATE_BUCKETS": [buckets.static]}
    storage = MinioBackendStatic(**declared)
    assert storage.is_bucket_public
    assert "which is public all the same" in storage.options.notes[0]


def test_the_default_static_bucket_has_version_4s_name(buckets: Buckets) -> None:
    del buckets.options["MINIO_STATIC_FILES_BUCKET"]
    storage = MinioBackendStatic(**buckets.options)
    assert storage.bucket == "auto-generated-bucket-static-files"


def test_what_a_local_file_system_has_is_not_implemented(static: MinioBackendStatic) -> None:
    for call in (static.path, static.get_created_time, static.get_accessed_time):
        with pytest.raises(NotImplementedError):
            call("x")


def test_it_deconstructs_to_its_public_name(static: MinioBackendStatic) -> None:
    assert static.deconstruct() == (
        "django_minio_backend.models.MinioBackendStatic",
        [],
        {"storage_name": "staticfiles"},
    )


def clear_finders() -> None:
    cached: Any = finders.get_finder
    cached.cache_clear()


@pytest.mark.parametrize("cls", [MinioBackendStatic, MinioBackendStaticManifest])
def test_under_runserver_a_new_static_file_is_djangos_to_serve(
    buckets: Buckets, settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, cls: Any
) -> None:
    (tmp_path / "new.css").write_text("body {}")
    settings.STATICFILES_DIRS = [tmp_path]
    clear_finders()
    static = cls(**buckets.options)
    settings.DEBUG = True
    bucket = f"{static.base_url_external}/{static.bucket}/"
    assert static.url("new.css") == f"{bucket}new.css"
    monkeypatch.setattr("sys.argv", ["manage.py", "runserver"])
    assert static.url("new.css") == "/static/new.css"
    assert static.url("nowhere.css") == f"{bucket}nowhere.css"
    off = cls(**buckets.options, MINIO_STATIC_USE_FINDERS=False)
    assert off.url("new.css") == f"{bucket}new.css"
    settings.DEBUG = False
    if cls is MinioBackendStatic:
        assert static.url("new.css") == f"{bucket}new.css"
    clear_finders()
