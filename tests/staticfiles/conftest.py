from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.core.management import call_command

from django_minio_backend.staticfiles import upload
from tests.conftest import Buckets, Recorder

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
        return set(upload.list_entries(self.storage))


@pytest.fixture
def site(tmp_path: Path, recorder: Recorder, settings: Any, buckets: Buckets) -> Site:
    return Site(tmp_path / "static", recorder, settings, buckets)
