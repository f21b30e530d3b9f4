from __future__ import annotations

import datetime

import django_minio_backend
from django_minio_backend import models, utils


def test_public_names_of_the_package_are_those_of_the_models_module() -> None:
    for name in set(django_minio_backend.__all__) - {"DjangoMinioBackendConfig"}:
        assert getattr(django_minio_backend, name) is getattr(models, name)
    assert all(hasattr(utils, name) for name in utils.__all__)


def test_the_date_prefix_is_todays_and_migrations_find_it() -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    assert models.iso_date_prefix(None, "a.txt") in {
        f"{day.isoformat()}/a.txt" for day in (today, today + datetime.timedelta(days=1))
    }
    assert models.iso_date_prefix.__module__ == "django_minio_backend.models"
