from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps

from django_minio_backend import MinioBackend
from django_minio_backend.apps import will_serve
from tests.conftest import Buckets
from tests.hostile import closed_port


def start(monkeypatch: pytest.MonkeyPatch, *argv: str) -> None:
    monkeypatch.setattr("sys.argv", list(argv))
    apps.get_app_config("django_minio_backend").ready()


def test_starting_touches_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.create_connection", pytest.fail)
    start(monkeypatch, "gunicorn")


def test_a_check_on_start_makes_the_buckets(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = MinioBackend()
    storage.client.remove_bucket(bucket_name=buckets.private)
    buckets.options["MINIO_CONSISTENCY_CHECK_ON_START"] = True
    start(monkeypatch, "manage.py", "migrate")
    assert not storage.s3.bucket_exists()
    start(monkeypatch, "gunicorn")
    assert storage.s3.bucket_exists()


def test_a_server_that_is_down_is_logged_and_stops_nothing(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    buckets.options["MINIO_CONSISTENCY_CHECK_ON_START"] = True
    with closed_port() as endpoint, caplog.at_level(logging.ERROR):
        buckets.options["MINIO_ENDPOINT"] = endpoint
        start(monkeypatch, "gunicorn")
    assert "Consistency check of storage 'default': MinIO is NOT available" in caplog.text


@pytest.mark.parametrize(
    ("argv", "environ", "serves"),
    [
        (["gunicorn", "project.wsgi"], {}, True),
        (["celery", "worker"], {}, True),
        ([""], {}, True),
        (["manage.py", "migrate"], {}, False),
        (["./manage.py"], {}, False),
        (["/usr/bin/django-admin", "check"], {}, False),
        (["/lib/django/__main__.py", "check"], {}, False),
        (["/lib/gunicorn/__main__.py", "project.wsgi"], {}, True),
        (["manage.py", "runserver"], {}, False),
        (["manage.py", "runserver"], {"RUN_MAIN": "true"}, True),
        (["manage.py", "runserver", "--noreload"], {}, True),
    ],
)
def test_only_processes_that_serve_are_checked(
    argv: list[str], environ: dict[str, str], serves: bool
) -> None:
    assert will_serve(argv, environ) is serves


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
