"""The move of docs/how-to/moving-files.md: from a disk to MinIO, and on to another S3 server."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.core.management import call_command
from django.test import Client as Browser
from django.urls import include, path

from django_minio_backend import MinioBackend
from tests.conftest import Fetch, heed_options
from tests.library.models import Book
from tools.minio_server import Server

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "moving-files.md"
STEPS = re.findall(r"```(python|console)\n(.*?)```", PAGE.read_text(), re.DOTALL)

urlpatterns = [path("moved/", include("django_minio_backend.dual_urls"))]


class Site:
    """A site that goes on while its files move."""

    def __init__(self) -> None:
        self.contents: dict[Any, bytes] = {}

    def use(self) -> None:
        """Save one more, delete one, and read all."""
        text = f"cover {len(self.contents)}".encode()
        book = Book.objects.create(cover=ContentFile(text, "cover.txt"))
        self.contents[book.pk] = text
        doomed = Book.objects.create(cover=ContentFile(b"?", "cover.txt"))
        name = str(doomed.cover.name)
        doomed.cover.delete()
        assert not default_storage.exists(name)
        for one in Book.objects.filter(pk__in=self.contents):
            with one.cover.open() as file:
                assert file.read() == self.contents[one.pk]

    def follow_links(self, fetch: Fetch) -> None:
        for one in Book.objects.filter(pk__in=self.contents):
            link = one.cover.url
            if link.startswith("/moved/"):
                link = Browser().get(link)["Location"]
            if link.startswith("http"):
                assert fetch(link).data == self.contents[one.pk]
            else:
                assert link == f"/media/{one.cover.name}"


@pytest.mark.django_db
@pytest.mark.parametrize("where", ["from a disk", "from MinIO"])
def test_a_site_moves_as_the_documentation_says(
    where: str,
    server: Server,
    settings: Any,
    tmp_path: Path,
    fetch: Fetch,
    remove_buckets: Callable[..., None],
    request: pytest.FixtureRequest,
) -> None:
    settings.ROOT_URLCONF = "tests.moving.test_sites"
    disk = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(tmp_path), "base_url": "/media/"},
    }
    minio = {
        "BACKEND": "django_minio_backend.models.MinioBackend",
        "OPTIONS": {**server.options, "MINIO_DEFAULT_BUCKET": "the-old-files"},
    }
    old, new = (disk, server)
    if where == "from MinIO":
        old, new = (minio, request.getfixturevalue("other_server"))
    namespace: dict[str, Any] = {
        "STORAGES": {"default": old},
        "MINIO": new.options,
        "urlpatterns": [],
    }
    settings.STORAGES = namespace["STORAGES"]
    heed_options()
    remove_buckets("the-old-files", "my-new-files")
    if where == "from MinIO":
        call_command("initialize_buckets", silenced=True)
    site = Site()
    site.use()
    for kind, text in STEPS:
        if kind == "console":
            for command in re.findall(r"\$ python manage\.py (.*)", text):
                call_command(*shlex.split(command), stdout=StringIO())
        else:
            exec(text, namespace)
            settings.STORAGES = namespace["STORAGES"]
            heed_options()
        site.use()
        site.follow_links(fetch)
    assert isinstance(storages["default"], MinioBackend)
    assert storages["default"].bucket == "my-new-files"
