from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from django_minio_backend import MinioBackend
from django_minio_backend.moving.transfer import Transfer
from django_minio_backend.references import derived
from tests.conftest import Buckets, heed_options
from tests.library.models import Book
from tests.moving.conftest import BACKEND, EXTRA, content, copy, django_storages, write

pytestmark = pytest.mark.django_db


def test_what_is_in_the_location_of_another_storage_is_not_extra(disk: Path, settings: Any) -> None:
    ours = settings.STORAGES["default"]
    static = {
        **ours["OPTIONS"],
        "MINIO_STATIC_FILES_BUCKET": ours["OPTIONS"]["MINIO_DEFAULT_BUCKET"],
    }
    backend = "django_minio_backend.models.MinioBackendStatic"
    options = {**static, "MINIO_LOCATION": "static"}
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": backend, "OPTIONS": options},
    }
    heed_options()
    storages["staticfiles"].save("site.css", ContentFile(b"x"))
    storages["default"].save("extra.txt", ContentFile(b"x"))
    assert "1 extra deleted." in copy("disk", "default", delete_extra=True, interactive=False)[0]
    assert set(content("default")) == {*content("disk"), "static/site.css"}


def test_extra_files_are_deleted_when_told(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storages["default"].save("extra.txt", ContentFile(b"x"))
    assert "needs --noinput" in copy("disk", "default", delete_extra=True)[1]
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: "no")
    assert "Nothing was deleted" in copy("disk", "default", delete_extra=True)[1]
    assert "extra.txt" in content("default")
    monkeypatch.setattr("builtins.input", lambda question: "yes")
    assert "1 extra deleted." in copy("disk", "default", delete_extra=True)[0]
    assert content("default") == content("disk")
    write(disk, "only here.txt", b"x")
    copy("default", "disk", delete_extra=True, interactive=False)
    assert content("default") == content("disk")


def test_extra_files_stay_where_the_source_is_empty_or_differs_or_is_partly_read(
    disk: Path,
) -> None:
    for name in ("extra.txt", "a.txt"):
        storages["default"].save(name, ContentFile(b"x"))
    options = {"delete_extra": True, "interactive": False}
    assert "The source has no files" in copy("second", "default", **options)[1]
    assert "Nothing was deleted" in copy("disk", "default", **options)[1]
    assert "goes with neither" in copy("disk", "default", only_referenced=True, **options)[1]
    assert "extra.txt" in content("default")


def test_what_came_after_it_began_is_not_extra(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_file = Transfer.run

    def and_something_comes(transfer: Transfer, *args: Any) -> Any:
        if not storages["default"].exists("upload.txt"):
            storages["default"].save("upload.txt", ContentFile(b"x"))
        return copy_file(transfer, *args)

    monkeypatch.setattr(Transfer, "run", and_something_comes)
    out = copy("disk", "default", delete_extra=True, interactive=False, workers=1)[0]
    assert out.startswith("0 extra deleted.")
    assert storages["default"].exists("upload.txt")


def test_what_a_row_refers_to_is_never_extra(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("row.txt", "extra.txt"):
        storages["default"].save(name, ContentFile(b"x"))
    # By another instance, and a location within.
    field_storage = MinioBackend(storage_name="default", MINIO_LOCATION="deeper")
    monkeypatch.setattr(Book._meta.get_field("cover"), "storage", storages["default"])
    monkeypatch.setattr(Book._meta.get_field("scan"), "storage", field_storage)
    field_storage.save("scan.txt", ContentFile(b"x"))
    Book.objects.create(cover="row.txt", scan="scan.txt")
    assert copy("disk", "default", **EXTRA)[0].startswith("1 extra deleted.")
    assert set(content("default")) == {*content("disk"), "row.txt", "deeper/scan.txt"}
    # Nor where it is a file of the source that has been missing there since the site went back.
    monkeypatch.setattr(Book._meta.get_field("cover"), "storage", storages["disk"])
    copy("disk", "default", **EXTRA)
    assert "row.txt" in content("default")


def test_what_a_moving_site_writes_to_is_not_cleared(disk: Path, aliases: Any) -> None:
    options = {"new": "default", "old": "disk"}
    dual = "django_minio_backend.models.DualReadStorage"
    aliases(moving={"BACKEND": dual, "OPTIONS": options})
    storages["moving"].save("upload.txt", ContentFile(b"x"))
    assert "'moving' still writes to 'default'" in copy("disk", "default", **EXTRA)[1]
    assert storages["default"].exists("upload.txt")


def test_what_changes_while_it_asks_is_not_deleted(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storages["default"].save("extra.txt", ContentFile(b"x"))

    def answer(question: str) -> str:
        MinioBackend(replace_existing=True).save("extra.txt", ContentFile(b"y"))
        return "yes"

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", answer)
    assert copy("disk", "default", delete_extra=True)[0].startswith("0 extra deleted.")
    assert content("default")["extra.txt"] == b"y"


def test_a_bucket_by_another_address_is_not_cleared(aliases: Any, buckets: Buckets) -> None:
    port = str(buckets.options["MINIO_ENDPOINT"]).rpartition(":")[2]
    options = {**buckets.options, "MINIO_ENDPOINT": f"localhost:{port}", "MINIO_LOCATION": "a"}
    aliases(within={"BACKEND": BACKEND, "OPTIONS": options})
    storages["default"].save("a/b.txt", ContentFile(b"x"))
    assert "have buckets of one name" in copy("within", "default", **EXTRA)[1]
    assert "have buckets of one name" in copy("default", "within", **EXTRA)[1]
    theirs = django_storages(buckets, bucket_name=buckets.private, location="a")
    theirs["OPTIONS"]["endpoint_url"] = f"http://localhost:{port}"
    aliases(theirs=theirs)
    assert "have buckets of one name" in copy("theirs", "default", **EXTRA)[1]
    assert set(content("default")) == {"a/b.txt"}


@pytest.mark.parametrize("target", ["default", "disk"])
def test_what_only_the_target_has_is_counted(disk: Path, aliases: Any, target: str) -> None:
    source = "disk" if target == "default" else "default"
    copy("disk", "default")
    storages[target].save("only here.txt", ContentFile(b"x"))
    out, said = copy(source, target, verify_only=True)
    assert out.startswith(f"1 are in '{target}' only.\n")
    assert said == ""


def test_a_target_that_cannot_be_listed_whole_loses_nothing(
    disk: Path, aliases: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "target" / "lost+found").mkdir(parents=True)
    (tmp_path / "target" / "extra.txt").write_text("x")
    options = {"location": str(tmp_path / "target")}
    aliases(forbidding={"BACKEND": "tests.moving.conftest.Forbidding", "OPTIONS": options})
    said = copy("disk", "forbidding", **EXTRA)[1]
    assert "lost+found/: cannot be listed" in said
    assert "Nothing was deleted" in said
    assert (tmp_path / "target" / "extra.txt").exists()


def test_derived_files_are_referred_to(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their names are in no row; django-stdimage and the like make them from those that are."""
    monkeypatch.setattr(derived, "derive_names", lambda field, name: ["b/c ä.html"])
    monkeypatch.setattr(Book._meta.get_field("cover"), "storage", storages["disk"])
    Book.objects.create(cover="a.txt")
    assert copy("disk", "default", only_referenced=True)[0].startswith("2 copied")
    assert set(content("default")) == {"a.txt", "b/c ä.html"}
    (disk / "b/c ä.html").unlink()
    assert "0 extra deleted." in copy("disk", "default", delete_extra=True, interactive=False)[0]
    assert "b/c ä.html" in content("default")
