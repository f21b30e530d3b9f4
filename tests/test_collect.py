from __future__ import annotations

import datetime
import gzip
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brotli
import pytest
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from minio.sse import SseS3

from django_minio_backend import MinioBackend, MinioBackendStaticManifest, collect, staticfiles
from django_minio_backend.client import MOST_DELETED
from django_minio_backend.errors import StorageFull
from tests.conftest import Buckets, Fetch, Recorder
from tests.hostile import closed_port

PLAIN = "django_minio_backend.models.MinioBackendStatic"
MANIFEST = "django_minio_backend.models.MinioBackendStaticManifest"
CSS = 'body { background: url("../img/a.png") } ' + "/* a comment that repeats */ " * 50


class Site:
    """A project's static files, and what `collectstatic` does with them."""

    def __init__(self, folder: Path, recorder: Recorder, settings: Any, buckets: Buckets) -> None:
        self.folder, self.recorder, self.settings, self.buckets = (
            folder,
            recorder,
            settings,
            buckets,
        )
        self.write("css/site.css", CSS.encode())
        self.write("img/a.png", b"not really a picture")
        self.write("js/app.mjs", b"export default 1;\n" * 20)
        settings.STATICFILES_DIRS = [folder]
        settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
        self.use(PLAIN)
        call_command("initialize_buckets", silenced=True)

    def write(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def use(self, backend: str, **options: Any) -> None:
        given = {**self.buckets.options, "MINIO_HTTP_CLIENT": self.recorder, **options}
        static = {"BACKEND": backend, "OPTIONS": given}
        self.settings.STORAGES = {**self.settings.STORAGES, "staticfiles": static}

    def collect(self, **keywords: Any) -> str:
        out = io.StringIO()
        self.recorder.requests.clear()
        call_command("collectstatic", interactive=False, stdout=out, **keywords)
        return out.getvalue()

    @property
    def storage(self) -> Any:
        return storages["staticfiles"]

    def names(self) -> set[str]:
        return set(collect.listed(self.storage))


@pytest.fixture
def site(tmp_path: Path, recorder: Recorder, settings: Any, buckets: Buckets) -> Site:
    return Site(tmp_path / "static", recorder, settings, buckets)


def test_cold_is_a_listing_and_a_request_a_file_and_warm_a_listing(site: Site) -> None:
    assert "3 static files copied" in site.collect()
    assert sorted(site.recorder.methods) == ["GET", "PUT", "PUT", "PUT"]
    assert "0 static files copied, 3 unmodified" in site.collect()
    assert site.recorder.methods == ["GET"]
    assert site.names() == {"css/site.css", "img/a.png", "js/app.mjs"}


def test_with_a_manifest_cold_is_two_more(site: Site) -> None:
    site.use(MANIFEST)
    assert "3 static files copied, 3 post-processed" in site.collect()
    assert sorted(site.recorder.methods) == ["GET"] + ["PUT"] * 8  # manifest, and its history
    assert "0 static files copied, 3 unmodified" in site.collect()
    assert site.recorder.methods == ["GET"]


def test_what_changed_is_stored_whatever_its_time_says(site: Site) -> None:
    site.collect()
    path = site.folder / "img" / "a.png"
    os.utime(path, (0, 0))
    assert "0 static files copied" in site.collect()
    path.write_bytes(b"not really a drawing")  # the same size
    os.utime(path, (0, 0))
    assert "1 static file copied, 2 unmodified" in site.collect()
    assert site.storage.open("img/a.png").read() == b"not really a drawing"


def test_a_page_gets_hashed_links_that_are_cached_for_ever(site: Site, fetch: Fetch) -> None:
    site.use(MANIFEST)
    site.collect()
    link = site.storage.url("css/site.css")
    assert site.storage.is_hashed(link)
    answer = fetch(link)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    picture = site.storage.url("img/a.png").rpartition("/")[2]
    assert f"../img/{picture}".encode() in answer.data
    plain = fetch(link.replace(link.rpartition("/")[2], "site.css"))
    assert plain.headers["Cache-Control"] == "public, max-age=60"


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


class Lenient(MinioBackendStaticManifest):
    manifest_strict = False


def test_a_manifest_that_is_not_strict_links_to_the_plain_name(site: Site) -> None:
    site.use("tests.test_collect.Lenient")
    site.collect()
    site.write("late.css", b"body {}")
    site.storage.replace("late.css", ContentFile(b"body {}"))
    assert site.storage.url("late.css").endswith("/late.fcdce6b6d6e2.css")


def test_a_deploy_that_dies_midway_leaves_the_previous_one_whole(
    site: Site, monkeypatch: pytest.MonkeyPatch, fetch: Fetch
) -> None:
    site.use(MANIFEST)
    site.collect()
    before = site.storage.url("css/site.css")
    manifest = site.storage.open("staticfiles.json").read()
    site.write("css/site.css", b"body { color: red }")
    site.write("css/more.css", b"a {}")
    real = collect.Difference.store

    def failing(differing: Any, *args: Any, **keywords: Any) -> bool:
        if differing.source.name == "css/more.css":
            raise StorageFull("no room")
        return real(differing, *args, **keywords)

    monkeypatch.setattr(collect.Difference, "store", failing)
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


@pytest.mark.parametrize(("name", "unpack"), [("gzip", gzip.decompress), ("br", brotli.decompress)])
@pytest.mark.parametrize("backend", [PLAIN, MANIFEST])
def test_text_is_stored_compressed(
    site: Site, name: str, unpack: Callable[[bytes], bytes], backend: str, fetch: Fetch
) -> None:
    site.use(backend, MINIO_STATIC_COMPRESS=name)
    site.collect()
    answer = fetch(site.storage.url("js/app.mjs"), decode_content=False)
    assert answer.headers["Content-Encoding"] == name
    assert unpack(answer.data) == b"export default 1;\n" * 20
    assert "Content-Encoding" not in fetch(site.storage.url("img/a.png")).headers
    assert site.storage.open("css/site.css").read() == CSS.encode()
    assert site.storage.size("css/site.css") == len(CSS)
    assert "0 static files copied" in site.collect()
    assert site.recorder.methods == ["GET"]


def test_names_are_the_same_with_and_without_compression(site: Site) -> None:
    site.use(MANIFEST)
    site.collect()
    plain = site.storage.url("css/site.css")
    site.use(MANIFEST, MINIO_STATIC_COMPRESS="gzip")
    site.collect()
    assert site.storage.url("css/site.css") == plain


def test_where_etags_are_no_md5_the_object_is_asked(site: Site, monkeypatch: Any) -> None:
    site.use(PLAIN, sse=SseS3())
    site.collect()
    real = collect.listed

    def opaque(storage: Any) -> Any:
        import dataclasses

        return {
            name: dataclasses.replace(entry, etag="f" * 32) for name, entry in real(storage).items()
        }

    monkeypatch.setattr(collect, "listed", opaque)
    assert "0 static files copied, 3 unmodified" in site.collect()
    assert sorted(site.recorder.methods) == ["GET", "HEAD", "HEAD", "HEAD"]
    site.write("img/a.png", b"not really a drawing")
    assert "1 static file copied, 2 unmodified" in site.collect()


def test_large_files_are_sent_as_large_files_are(site: Site) -> None:
    site.write("film.bin", os.urandom(11 * 2**20))
    site.use(PLAIN, MINIO_MULTIPART_UPLOAD=True)
    assert "4 static files copied" in site.collect()
    assert "0 static files copied" in site.collect()
    assert site.recorder.methods == ["GET", "HEAD"]  # its ETag is one of parts


def test_a_dry_run_stores_nothing(site: Site) -> None:
    out = site.collect(dry_run=True, verbosity=2)
    assert "Pretending to copy 'css/site.css'" in out
    assert "3 static files copied" in out
    assert site.recorder.methods == ["GET"]
    assert site.names() == set()


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
    monkeypatch.setattr("django_minio_backend.client.MOST_DELETED", 3)
    site.collect(clear=True, dry_run=True)
    assert "old/1.txt" in site.names()
    site.collect(clear=True)
    assert site.recorder.methods.count("POST") == 2
    assert not {name for name in site.names() if name.startswith("old/")}
    site.collect(clear=True)
    assert site.recorder.methods.count("PUT") == 8  # stored anew, though nothing differs
    assert site.storage.url("css/site.css")


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


def test_clear_without_post_processing_leaves_no_manifest_of_what_is_gone(site: Site) -> None:
    site.use(MANIFEST)
    site.collect()
    site.collect(clear=True, post_process=False)
    assert site.names() == {"css/site.css", "img/a.png", "js/app.mjs"}


def test_only_what_is_below_the_location_is_looked_at(site: Site) -> None:
    other = MinioBackend(site.buckets.static)
    other.save("other/a.txt", ContentFile(b"x"))
    site.use(PLAIN, MINIO_LOCATION="site/v1")
    site.collect(clear=True)
    assert other.exists("other/a.txt")
    assert other.exists("site/v1/css/site.css")


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
        name = collect._history_name("staticfiles.json", now - datetime.timedelta(days=days))
        site.storage.save(name, ContentFile(json.dumps(manifest).encode()))
    found = collect.listed(site.storage)

    def named(days: int) -> set[str]:
        return collect.referenced(site.storage, found, now - datetime.timedelta(days=days))

    # The one of 50 days ago was in use until 20 days ago.
    assert {"old.000000000050.css", "old.000000000020.css"} <= named(30)
    assert "old.000000000050.css" not in named(10)
    assert "old.000000000020.css" in named(10)
    assert {kept, "staticfiles.json", "css/site.css"} <= named(1)


def test_prune_needs_a_manifest(site: Site) -> None:
    with pytest.raises(CommandError, match="use MinioBackendStaticManifest"):
        site.collect(prune=True)


class Elsewhere(MinioBackendStaticManifest):
    folder = ""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        kept = StaticFilesStorage(location=self.folder)
        super().__init__(*args, manifest_storage=kept, **keywords)


def test_a_manifest_storage_of_ones_own_gets_the_manifest(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Elsewhere, "folder", str(tmp_path / "kept"))
    site.use("tests.test_collect.Elsewhere")
    for _ in range(2):
        site.collect()
        assert (tmp_path / "kept" / "staticfiles.json").is_file()
    assert "staticfiles.json" not in site.names()
    site.use("tests.test_collect.Elsewhere")
    assert site.storage.is_hashed(site.storage.url("css/site.css"))


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


def test_a_bulk_deletion_tells_what_it_could_not(
    buckets: Buckets, restricted: Callable[..., dict[str, str]]
) -> None:
    storage = MinioBackend()
    for name in ("a & b.txt", "c.txt"):
        storage.save(name, ContentFile(b"x"))
    limited = MinioBackend(
        **restricted(
            [{"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::*/a*"}]
        )
    )
    failed = limited.s3.delete_many(["a & b.txt", "c.txt", "a nowhere.txt"])
    assert set(failed) == {"c.txt"}
    assert failed["c.txt"].startswith("AccessDenied")
    assert not storage.exists("a & b.txt")
    assert MOST_DELETED == 1000


def test_a_terminal_sees_progress(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    call_command("collectstatic", interactive=False, stdout=out)
    empty, full = "." * 30, "#" * 30
    assert f"[{empty}] 0 of 3" in out.getvalue()
    assert f"[{full}] 3 of 3\r\x1b[K" in out.getvalue()
    assert staticfiles.MinioBackendStatic.DEFAULT_STATIC_FILES_BUCKET
