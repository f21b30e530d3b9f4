from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.apps import apps

from django_minio_backend.apps import will_use_storages


@pytest.mark.parametrize(
    ("argv", "environ", "uses"),
    [
        (["gunicorn", "project.wsgi"], {}, True),
        (["celery", "worker"], {}, True),
        (["manage.py", "rqworker"], {}, True),
        (["/venv/bin/pytest"], {}, False),
        (["/lib/pytest/__main__.py"], {}, False),
        ([""], {}, True),
        (["manage.py", "migrate"], {}, True),
        (["manage.py", "collectstatic", "--noinput"], {}, True),
        (["manage.py", "a_command_of_the_project"], {}, True),
        (["manage.py", "makemigrations"], {}, False),
        (["manage.py", "test"], {}, False),
        (["manage.py", "migrate", "--help"], {}, False),
        (["manage.py", "--version"], {}, False),
        (["manage.py", "initialize_buckets"], {}, False),
        (["./manage.py"], {}, False),
        (["/usr/bin/django-admin", "check"], {}, False),
        (["/lib/django/__main__.py", "check"], {}, False),
        (["/lib/gunicorn/__main__.py", "project.wsgi"], {}, True),
        (["manage.py", "runserver"], {}, False),
        (["manage.py", "runserver"], {"RUN_MAIN": "true"}, True),
        (["manage.py", "runserver", "--noreload"], {}, True),
    ],
)
def test_only_processes_that_use_storages_are_checked(
    argv: list[str], environ: dict[str, str], uses: bool
) -> None:
    assert will_use_storages(argv, environ) is uses


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(str(apps.get_app_config("django_minio_backend").path)) / "py.typed").exists()


def test_public_names_are_importable() -> None:
    import django_minio_backend

    for name in django_minio_backend.__all__:
        assert getattr(django_minio_backend, name)
    legacy: Any = __import__("django_minio_backend.utils", fromlist=["*"])
    assert {"ConfigurationError", "MinioServerStatus", "PrivatePublicMixedError"} <= set(
        legacy.__all__
    )
    assert legacy.get_setting("USE_TZ") is True
    assert legacy.get_setting("NOWHERE", 7) == 7
    assert legacy.get_storages_setting("MINIO_ACCESS_KEY") == "nobody"
