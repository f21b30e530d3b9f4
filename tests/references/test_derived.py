"""Files that other apps derive from those of FileFields, made by these apps themselves."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from tests.projects import Site

SETTINGS = """
INSTALLED_APPS += ["django.contrib.auth", *EXTRA]
STORAGES = {
    "default": {
        "BACKEND": MINIO,
        "OPTIONS": {**SERVER, "MINIO_DEFAULT_BUCKET": media, "MINIO_BUCKET_CHECK_ON_SAVE": True},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
"""
PREPARE = """
import io
from PIL import Image
def picture():
    made = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(made, "PNG")
    return ContentFile(made.getvalue(), "a.png")
default_storage.save("images/orphan.png", picture())
doc = Doc(file=picture())
doc.save()
"""
LEFT = """
show(sorted(entry.key for page in default_storage.s3.list_pages("") for entry in page.entries))
"""
FIELD = "file = models.ImageField(upload_to='images')"
MODELS = """
from django.db import models
def anywhere(row, name):
    return f"images/{name}"
"""
CASES: dict[str, tuple[list[str], str, str]] = {
    "stdimage": (
        ["stdimage"],
        "from stdimage import StdImageField\\n"
        "class Doc(models.Model):\\n"
        "    file = StdImageField(upload_to='images', variations={'small': (8, 8)})",
        "",
    ),
    "easy_thumbnails": (
        ["easy_thumbnails"],
        f"class Doc(models.Model):\\n    {FIELD}",
        "from easy_thumbnails.files import get_thumbnailer\\n"
        "get_thumbnailer(doc.file).get_thumbnail({'size': (8, 8)})",
    ),
    "simple_history": (
        ["simple_history"],
        "from simple_history.models import HistoricalRecords\\n"
        f"class Doc(models.Model):\\n    {FIELD}\\n    history = HistoricalRecords()",
        "doc.file.save('b.png', picture())",
    ),
    "imagekit": (
        ["imagekit"],
        "from imagekit.models import ImageSpecField\\n"
        "from imagekit.processors import ResizeToFill\\n"
        "class Doc(models.Model):\\n"
        "    file = models.ImageField(upload_to=anywhere)\\n"
        "    small = ImageSpecField(source='file', processors=[ResizeToFill(8, 8)], format='PNG')",
        "doc.small.generate()",
    ),
    "sorl": (
        ["sorl.thumbnail"],
        "class Doc(models.Model):\\n    file = models.ImageField(upload_to=anywhere)",
        "from sorl.thumbnail import get_thumbnail\\nget_thumbnail(doc.file, '8x8')",
    ),
}


def prepare(site: Site, extra: list[str], models: str, use: str = "") -> list[str]:
    """Make a project that uses other apps, and return the keys that they have stored."""
    site.settings(f"EXTRA = {extra!r}\n" + SETTINGS)
    site.write("shop/models", MODELS + models.replace("\\n", "\n"))
    site.manage("makemigrations", "shop")
    site.manage("migrate", "--run-syncdb")
    kept: list[str] = site.shown(PREPARE + use.replace("\\n", "\n") + LEFT)
    return kept


@pytest.mark.parametrize("package", CASES)
def test_files_that_apps_derive_are_no_orphans(site: Site, package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    extra, models, use = CASES[package]
    before = prepare(site, extra, models, use)
    assert len(before) >= 3
    site.manage("clean_orphaned_minio_files", "--older-than", "0", "--noinput")
    assert site.shown(LEFT) == [key for key in before if key != "images/orphan.png"]


def test_nothing_is_deleted_where_an_app_keeps_files_that_nobody_finds(site: Site) -> None:
    site.write("reversion/__init__", "")
    before = prepare(site, ["reversion"], f"class Doc(models.Model):\\n    {FIELD}")
    command = ["clean_orphaned_minio_files", "--older-than", "0", "--noinput"]
    printed = site.manage(*command)
    assert "django-reversion may keep files there that no FileField names" in printed
    assert site.shown(LEFT) == before
    site.manage(*command, "--exclude", "versions/*")
    assert site.shown(LEFT) == ["images/a.png"]


def test_both_storages_of_a_field_of_django_filers_kind_are_looked_at() -> None:
    from django_minio_backend.references import derived

    class Field:
        storage = "public"
        storages = {"public": "public", "private": "private"}

    field: Any = Field()
    found: list[Any] = derived.list_field_storages(field)
    assert found == ["public", "public", "private"]
