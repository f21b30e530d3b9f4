"""The README's story of a move: from a disk to MinIO, and from MinIO to another S3 server."""

from __future__ import annotations

import re
import shlex
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

README = (Path(__file__).parent.parent / "README.md").read_text()
STORY = README.partition("\n### Moving: ")[2].partition("\n### ")[0]
STEPS = re.findall(r"```(python|console)\n(.*?)```", STORY, re.DOTALL)

urlpatterns = [path("files/", include("django_minio_backend.dual_urls"))]


def options(server: Server) -> dict[str, Any]:
    return {
        "MINIO_ENDPOINT": server.endpoint,
        "MINIO_ACCESS_KEY": server.access_key,
        "MINIO_SECRET_KEY": server.secret_key,
        "MINIO_USE_HTTPS": server.secure,
    }


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
            if link.startswith("/files/"):
                link = Browser().get(link)["Location"]
            if link.startswith("http"):
                assert fetch(link).data == self.contents[one.pk]
            else:
                assert link == f"/media/{one.cover.name}"


@pytest.mark.django_db
@pytest.mark.parametrize("where", ["from a disk", "from MinIO"])
def test_a_site_moves_as_the_readme_tells(
    where: str,
    server: Server,
    settings: Any,
    tmp_path: Path,
    fetch: Fetch,
    request: pytest.FixtureRequest,
) -> None:
    settings.ROOT_URLCONF = "tests.test_moving"
    disk = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(tmp_path), "base_url": "/media/"},
    }
    minio = {
        "BACKEND": "django_minio_backend.models.MinioBackend",
        "OPTIONS": {**options(server), "MINIO_DEFAULT_BUCKET": "the-old-files"},
    }
    old, new = (disk, server)
    if where == "from MinIO":
        old, new = (minio, request.getfixturevalue("other_server"))
    namespace: dict[str, Any] = {"STORAGES": {"default": old}, "MINIO": options(new)}
    settings.STORAGES = namespace["STORAGES"]
    heed_options()
    if where == "from MinIO":
        call_command("initialize_buckets", silenced=True)
    else:
        emptied = MinioBackend("my-new-files", **options(server))
        if emptied.s3.bucket_exists():
            emptied.s3.transport.send("DELETE", headers={"x-minio-force-delete": "true"})
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
