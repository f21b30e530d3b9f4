"""The versions that came before, from the package index, each in a folder of the user's cache."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tools.cache import cache_folder

V3, V4 = "3.8.1", "4.5.0"
# Version 4.5 takes this SDK only.
_BESIDE = ("minio==7.2.20", "Django==5.2.*")


@cache
def folder_of(version: str) -> Path:
    """Return the folder to put on the path; skips the test where the index cannot be reached."""
    python = "{}.{}".format(*sys.version_info[:2])
    folder = cache_folder() / f"django-minio-backend-{version}-python-{python}"
    if not (folder / "django_minio_backend").is_dir():
        new = folder.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
        install += ["--disable-pip-version-check", "--target", str(new)]
        package = f"django-minio-backend=={version}"
        done = subprocess.run(
            [*install, package, *_BESIDE], capture_output=True, text=True, check=False, timeout=300
        )
        if done.returncode:
            pytest.skip(f"{package} cannot be had: {done.stderr[-300:]}")
        new.replace(folder)
    return folder
