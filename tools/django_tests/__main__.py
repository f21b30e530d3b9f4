"""`make test-django`: Django's own tests of files, with our storage in the place of the disk.

They come from the source distribution of the installed Django.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import django

from tools.cache import cache_folder, only_builder
from tools.minio_server import Server, running
from tools.processes import say

ROOT = Path(__file__).parents[2]
#: The tests, by the settings that they run with.
LABELS = {
    "settings": ("file_storage", "file_uploads", "model_fields", "forms_tests"),
    "static_settings": ("staticfiles_tests",),
}


def fetch_tests() -> Path:
    """Return the folder of Django's tests, fetched from the package index if need be."""
    version = django.get_version()
    folder = cache_folder() / "django-source"
    tests = folder / f"django-{version}" / "tests"
    if not tests.exists():
        with only_builder("django-fetch", "fetching Django's tests") as work:
            say(f"fetching the source of Django {version}")
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            pip += ["--no-binary", ":all:", "--dest", str(work), f"django=={version}"]
            subprocess.run(pip, check=True)
            [archive] = work.glob("*.tar.gz")
            folder.mkdir(exist_ok=True)
            with tarfile.open(archive) as source:
                source.extractall(folder, filter="data")
            for found in folder.glob(f"[Dd]jango-{version}"):
                found.rename(folder / f"django-{version}")
    return tests


def run_tests(tests: Path, server: Server, settings: str, labels: Sequence[str]) -> int:
    environment = {
        **os.environ,
        "DJANGO_TESTS_ENDPOINT": server.endpoint,
        "DJANGO_TESTS_ACCESS_KEY": server.access_key,
        "DJANGO_TESTS_SECRET_KEY": server.secret_key,
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "runtests.py", f"--settings=tools.django_tests.{settings}"]
    command += ["--parallel=1", *labels]
    return subprocess.run(command, cwd=tests, env=environment, check=False).returncode


def make_bucket(server: Server) -> None:
    from django.conf import settings

    settings.configure()
    from django_minio_backend import MinioBackend

    storage = MinioBackend(
        "django-tests",
        **server.options,
        MINIO_PUBLIC_BUCKETS=["django-tests"],
    )
    storage.s3.bucket.create()
    storage.set_bucket_to_public()


def main() -> int:
    tests = fetch_tests()
    with running() as server:
        make_bucket(server)
        failures = 0
        for settings, labels in LABELS.items():
            # A label may be one test of these.
            chosen = [label for label in sys.argv[1:] if label.partition(".")[0] in labels]
            if chosen or not sys.argv[1:]:
                failures += bool(run_tests(tests, server, settings, chosen or labels))
        return failures


if __name__ == "__main__":
    sys.exit(main())
