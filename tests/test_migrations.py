"""Storages in migrations, in a project of its own and with the real commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SETTINGS = """
SECRET_KEY = "x"
USE_TZ = True
INSTALLED_APPS = ["django_minio_backend", "shop"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
OPTIONS = {
    "MINIO_ENDPOINT": "127.0.0.1:9",
    "MINIO_ACCESS_KEY": "the-access-key",
    "MINIO_SECRET_KEY": "the-secret-key",
    "MINIO_PRIVATE_BUCKETS": ["invoices"],
}
STORAGES = {
    "default": {"BACKEND": "django_minio_backend.models.MinioBackend", "OPTIONS": OPTIONS},
    "other": {
        "BACKEND": "django_minio_backend.models.MinioBackend",
        "OPTIONS": {**OPTIONS, "MINIO_DEFAULT_BUCKET": "other-bucket"},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
"""
MODELS = """
from django.core.files.storage import storages
from django.db import models
from django_minio_backend import MinioBackend, iso_date_prefix

def private():
    return MinioBackend("invoices")

class Invoice(models.Model):
    by_instance = models.FileField(
        storage=MinioBackend(
            bucket_name="invoices",
            storage_name="default",
            replace_existing=True,
            MINIO_SECRET_KEY="keyword-secret",
        ),
        upload_to=iso_date_prefix,
    )
    by_alias = models.FileField(storage=storages["other"], default="")
    by_callable = models.FileField(storage=private, default="")
"""
# As version 3 wrote it.
V3_MIGRATION = """
import django_minio_backend.models
from django.db import migrations, models

class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Invoice",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "by_instance",
                    models.FileField(
                        storage=django_minio_backend.models.MinioBackend(bucket_name="invoices"),
                        upload_to=django_minio_backend.models.iso_date_prefix,
                    ),
                ),
            ],
        ),
    ]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "settings.py").write_text(SETTINGS)
    (tmp_path / "shop" / "migrations").mkdir(parents=True)
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "migrations" / "__init__.py").touch()
    (tmp_path / "shop" / "models.py").write_text(MODELS)
    return tmp_path


def manage(project: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "django", *arguments, "--settings", "settings"],
        cwd=project,
        env={"PYTHONPATH": f"{project}:{Path(__file__).parent.parent}", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_migrations_name_bucket_and_alias_only(project: Path) -> None:
    manage(project, "makemigrations", "shop")
    written = (project / "shop" / "migrations" / "0001_initial.py").read_text()
    storage = "storage=django_minio_backend.models.MinioBackend"
    assert f"{storage}(bucket_name='invoices', storage_name='default')" in written
    assert f"{storage}(storage_name='other')" in written
    assert "storage=shop.models.private" in written
    assert "upload_to=django_minio_backend.models.iso_date_prefix" in written
    for secret in ("the-secret-key", "the-access-key", "keyword-secret", "MINIO_"):
        assert secret not in written
    assert "No changes detected" in manage(project, "makemigrations", "--check", "--dry-run")


def test_version_3s_migrations_still_load(project: Path) -> None:
    (project / "shop" / "migrations" / "0001_initial.py").write_text(V3_MIGRATION)
    manage(project, "makemigrations", "shop", "--name", "second")
    assert "Applying shop.0002_second... OK" in manage(project, "migrate")
