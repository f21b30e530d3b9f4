from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, storages

from django_minio_backend.moving import filesystem
from tests.conftest import Buckets
from tests.library.models import Book
from tests.moving.conftest import EXTRA, LONG_AGO, content, copy, see_nothing_there, write

pytestmark = pytest.mark.django_db


def test_a_bucket_comes_back_to_a_folder_with_its_times(disk: Path, aliases: Any) -> None:
    copy("disk", "default")
    before = content("disk")
    for path in sorted(disk.rglob("*.*")):
        path.unlink()
    assert copy("default", "disk") == ("3 copied (4\xa0bytes).\n", "")
    assert content("disk") == before
    assert (disk / "a.txt").stat().st_mtime == LONG_AGO.timestamp()
    assert copy("default", "disk")[0].endswith("3 there already.\n")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were opened on the disk."""
    names: list[str] = []
    open_file = FileSystemStorage.open

    def noted(storage: Any, name: str, mode: str = "rb") -> Any:
        names.append(name)
        return open_file(storage, name, mode)

    monkeypatch.setattr(FileSystemStorage, "open", noted)
    return names


def test_a_file_that_was_copied_is_not_read_again_until_it_is_written(
    disk: Path, aliases: Any, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesystem, "_TICK", 0)
    copy("disk", "default")
    opened.clear()
    assert copy("disk", "default")[0].endswith("3 there already.\n")
    assert opened == []
    # A copy in a copy, and a copy to another place, are no copies of this disk.
    copy("default", "second")
    assert copy("disk", "second")[0].endswith("3 there already.\n")
    assert sorted(set(opened)) == ["a.txt", "b/c ä.html", "b/d/empty.bin"]
    opened.clear()
    assert copy("disk", "default", verify_only=True)[1] == ""
    assert sorted(set(opened)) == ["a.txt", "b/c ä.html", "b/d/empty.bin"]
    # The size and the time are those of before.
    write(disk, "a.txt", b"A")
    assert (disk / "a.txt").stat().st_mtime == LONG_AGO.timestamp()
    assert copy("disk", "default")[0].startswith("1 copied")
    assert content("default")["a.txt"] == b"A"


def test_a_file_that_was_just_written_is_read_again(
    disk: Path, aliases: Any, opened: list[str]
) -> None:
    copy("disk", "default")
    opened.clear()
    copy("disk", "default")
    assert sorted(set(opened)) == ["a.txt", "b/c ä.html", "b/d/empty.bin"]


def test_a_write_that_fails_leaves_the_old_file(
    disk: Path, aliases: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(disk, "x.bin", b"older")
    storages["default"].save("x.bin", ContentFile(b"content"))

    def full(storage: Any, name: str, content: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileSystemStorage, "_save", full)
    _, said = copy("default", "disk")
    assert "x.bin: OSError: [Errno 28] No space left on device" in said
    assert (disk / "x.bin").read_bytes() == b"older"


def test_a_folder_takes_what_is_newer(disk: Path, aliases: Any) -> None:
    storages["default"].save("a.txt", ContentFile(b"newer"))
    storages["default"].save("b/new.txt", ContentFile(b"new"))
    assert copy("default", "disk") == ("2 copied (8\xa0bytes).\n", "")
    assert (disk / "a.txt").read_bytes() == b"newer"
    write(disk, "a.txt", b"newest", datetime.now(UTC) + timedelta(minutes=1))
    assert "a.txt: differs and is not older" in copy("default", "disk")[1]
    assert (disk / "a.txt").read_bytes() == b"newest"


def test_what_is_stored_compressed_comes_to_a_folder_as_it_was(
    aliases: Any, buckets: Buckets, disk: Path
) -> None:
    buckets.change(MINIO_GZIP=["text/*"])
    storages["default"].save("t.txt", ContentFile(b"text " * 100))
    assert copy("default", "disk")[0].startswith("1 copied")
    assert (disk / "t.txt").read_bytes() == b"text " * 100
    assert copy("default", "disk")[0].endswith("1 there already.\n")
    assert copy("disk", "default", prefix="t")[0].endswith("1 there already.\n")
    write(disk, "t.txt", b"TEXT " * 100, datetime.now(UTC) + timedelta(minutes=1))
    assert copy("disk", "default", prefix="t")[0].startswith("1 copied")
    assert content("default")["t.txt"] == b"TEXT " * 100
    stored = storages["default"].stat("t.txt")  # type: ignore[attr-defined]
    assert stored.size == stored.content_size == 500


def test_a_file_system_without_hard_links_will_do(
    disk: Path, aliases: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    storages["default"].save("new.txt", ContentFile(b"new"))
    storages["default"].save("a.txt", ContentFile(b"late"))
    see_nothing_there(monkeypatch)
    assert "a.txt: FileExistsError" in copy("default", "disk")[1]
    assert (disk / "new.txt").read_bytes() == b"new"
    assert (disk / "a.txt").read_bytes() == b"a"
    assert list(disk.rglob("*.partial")) == []


def test_what_a_link_leads_to_is_not_deleted(disk: Path, aliases: Any, tmp_path: Path) -> None:
    write(tmp_path, "elsewhere/kept.txt", b"x")
    (disk / "link").symlink_to(tmp_path / "elsewhere")
    storages["default"].save("a.txt", ContentFile(b"a"))
    assert "link/kept.txt (A symbolic link leads there.)" in copy("default", "disk", **EXTRA)[1]
    assert (tmp_path / "elsewhere/kept.txt").exists()
    assert not (disk / "b/d/empty.bin").exists()


def test_a_folder_that_takes_one_name_for_another_loses_neither(
    disk: Path, aliases: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    storages["default"].save("a.txt", ContentFile(b"newer"))
    listed = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: [n.upper() for n in listed(path)])
    assert "takes another file's name" in copy("default", "disk")[1]
    assert (disk / "a.txt").read_bytes() == b"a"


def test_a_folder_that_cannot_be_listed_is_named_and_the_rest_is_copied(
    disk: Path, aliases: Callable[..., Any], tmp_path: Path
) -> None:
    (disk / "lost+found").mkdir()
    (disk / "b" / "circle").symlink_to(disk)
    forbidding = {"BACKEND": "tests.moving.conftest.Forbidding", "OPTIONS": {"location": str(disk)}}
    aliases(forbidding=forbidding)
    storages["default"].save("extra.txt", ContentFile(b"x"))
    for options in ({}, {"verify_only": True}, {"dry_run": True}, EXTRA):
        out, said = copy("forbidding", "default", **options)
        assert "lost+found/: cannot be listed: [Errno 13]" in said
        assert "b/circle/: cannot be listed: it is a link to a folder that it is in" in said
        assert "2 failed" in out + said
        assert "FAILED" in said
    assert "Nothing was deleted" in said
    assert set(content("default")) == {"a.txt", "b/c ä.html", "b/d/empty.bin", "extra.txt"}


def test_a_pipe_is_named_and_left_out(disk: Path) -> None:
    os.mkfifo(disk / "pipe")
    done: list[tuple[str, str]] = []
    thread = threading.Thread(target=lambda: done.append(copy("disk", "memory")), daemon=True)
    thread.start()
    thread.join(20)
    ((out, said),) = done
    assert "3 copied" in out
    assert "pipe: is no file but a pipe, a socket or a device: left out" in said
    assert "FAILED: 1 of 4 files are not the same." in said


def test_static_files_without_a_folder_are_one_line(
    aliases: Callable[..., Any], settings: Any
) -> None:
    settings.STATIC_ROOT = None
    for ends in (("staticfiles", "default"), ("default", "staticfiles")):
        said = copy(*ends)[1]
        assert said == "FAILED: 'staticfiles' has no folder: set STATIC_ROOT."


def test_an_empty_media_root_is_not_the_current_directory(
    aliases: Callable[..., Any], settings: Any
) -> None:
    aliases(disk={"BACKEND": "django.core.files.storage.FileSystemStorage"})
    settings.MEDIA_ROOT = ""
    for ends in (("disk", "default"), ("default", "disk")):
        told = "has no folder: set MEDIA_ROOT or its location."
        assert copy(*ends)[1] == f"FAILED: 'disk' {told}"


def test_a_field_of_static_files_without_a_folder_does_not_matter(
    disk: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.STATIC_ROOT = None
    for name in ("cover", "scan"):
        monkeypatch.setattr(Book._meta.get_field(name), "storage", StaticFilesStorage())
    Book.objects.create(cover="a.txt")
    assert "No row refers to a file" in copy("disk", "default", only_referenced=True)[1]
