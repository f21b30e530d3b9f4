from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage, storages

from tests.conftest import Buckets
from tests.moving.conftest import content, copy, django_storages, see_nothing_there, write

pytestmark = pytest.mark.django_db


def test_a_storage_that_replaces_nothing_says_so(disk: Path) -> None:
    storages["memory"].save("a.txt", ContentFile(b"older"))
    write(disk, "a.txt", b"newer", datetime.now(UTC) + timedelta(minutes=1))
    _, said = copy("disk", "memory")
    assert "a.txt: FileExistsError: It is there already and 'memory' replaces no files." in said
    assert content("memory")["a.txt"] == b"older"
    assert set(content("memory")) == set(content("disk"))
    assert copy("memory", "disk")[1].startswith("a.txt: differs and is not older")


@pytest.mark.parametrize(
    ("storage_class", "target"), [(FileSystemStorage, "disk"), (InMemoryStorage, "memory")]
)
def test_what_a_storage_has_garbled_is_told(
    disk: Path, monkeypatch: pytest.MonkeyPatch, storage_class: Any, target: str
) -> None:
    storages["default"].save("a.txt", ContentFile(b"content"))
    save = storage_class._save

    def garbling(storage: Any, name: str, content: Any) -> str:
        return str(save(storage, name, ContentFile(bytes(len(content.read())))))

    monkeypatch.setattr(storage_class, "_save", garbling)
    assert "a.txt: Damaged: '" in copy("default", target)[1]
    assert (disk / "a.txt").read_bytes() == b"a"


@pytest.mark.parametrize("overwrites", [True, False])
def test_django_storages_is_as_good_an_end_as_any(
    disk: Path,
    aliases: Any,
    buckets: Buckets,
    monkeypatch: pytest.MonkeyPatch,
    overwrites: bool,
) -> None:
    aliases(theirs=django_storages(buckets, file_overwrite=overwrites))
    assert copy("disk", "theirs") == ("3 copied (4\xa0bytes).\n", "")
    assert copy("theirs", "default") == ("3 copied (4\xa0bytes).\n", "")
    assert content("default") == content("disk")
    assert copy("theirs", "default")[0].endswith("3 there already.\n")
    write(disk, "a.txt", b"newer", datetime.now(UTC) + timedelta(minutes=1))
    said = copy("disk", "theirs")[1]
    assert ("a.txt: FileExistsError" in said) is not overwrites
    see_nothing_there(monkeypatch)
    write(disk, "a.txt", b"newest", datetime.now(UTC) + timedelta(minutes=1))
    assert "a.txt: FileExistsError" in copy("disk", "theirs")[1]
    assert content("theirs")["a.txt"] == (b"newer" if overwrites else b"a")


def test_what_has_no_time_is_not_taken_for_older(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storages["memory"].save("a.txt", ContentFile(b"x"))
    storages["default"].save("a.txt", ContentFile(b"y"))

    def unknown(storage: Any, name: str) -> Any:
        raise NotImplementedError

    monkeypatch.setattr(InMemoryStorage, "get_modified_time", unknown)
    for source, target in (("memory", "default"), ("default", "memory")):
        assert "a.txt: differs and is not older" in copy(source, target)[1]


@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_django_storages_keeps_types_and_may_compress(
    aliases: Any, buckets: Buckets, disk: Path
) -> None:
    gzip = {"gzip": True, "gzip_content_types": ["text/x-own"]}
    aliases(theirs=django_storages(buckets, **gzip))
    storages["default"].s3.put(  # type: ignore[attr-defined]
        "t.own", b"text " * 100, {"Content-Type": "text/x-own"}
    )
    assert copy("default", "theirs")[1] == ""
    assert copy("default", "theirs")[0].endswith("1 there already.\n")
    assert copy("theirs", "disk")[1] == ""
    assert (disk / "t.own").read_bytes() == b"text " * 100
    storages["default"].delete("t.own")
    assert copy("theirs", "default")[1] == ""
    assert storages["default"].stat("t.own").content_type == "text/x-own"  # type: ignore[attr-defined]
    gc.collect()  # it leaves the files open that it has compressed


def test_a_storage_that_renames_is_told_so_and_loses_nothing(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storages["memory"].save("other.txt", ContentFile(b"kept"))
    monkeypatch.setattr(InMemoryStorage, "_save", lambda *args: "other.txt")
    said = copy("disk", "memory", prefix="a.txt")[1]
    assert "It was stored as 'other.txt': 'memory' renames it." in said
    assert content("memory") == {"other.txt": b"kept"}


def test_a_backend_that_cannot_be_imported_is_not_said_to_be_lacking(
    aliases: Callable[..., Any],
) -> None:
    aliases(broken={"BACKEND": "no.such.Storage"})
    said = copy("broken", "default")[1]
    assert said.startswith("FAILED: 'broken' cannot be made: ")
    assert "no.such.Storage" in said


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        (
            {"BACKEND": "django.core.files.storage.InMemoryStorage", "OPTIONS": {"a": 1}},
            "TypeError",
        ),
        ({"OPTIONS": {}}, "KeyError"),
    ],
)
def test_an_alias_that_cannot_be_made_is_one_line(
    aliases: Callable[..., Any], backend: dict[str, Any], reason: str
) -> None:
    aliases(broken=backend)
    assert copy("broken", "default")[1].startswith(f"FAILED: 'broken' cannot be made: {reason}: ")
