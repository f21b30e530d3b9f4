from __future__ import annotations

import logging
import socket
import time
from typing import Any

import pytest
from django.apps import apps

from django_minio_backend import MinioBackend
from django_minio_backend.apps import will_use_storages
from django_minio_backend.errors import ConfigurationError
from tests.checks.conftest import BROKEN
from tests.conftest import Buckets
from tests.hostile import Answer, closed_port, hostile
from tests.projects import Site


def start(monkeypatch: pytest.MonkeyPatch, *argv: str) -> None:
    monkeypatch.setattr("sys.argv", list(argv))
    monkeypatch.delenv(
        "PYTEST_VERSION", raising=False
    )  # or it would be a test run, which starts nothing
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
    start(monkeypatch, "manage.py", "check")
    assert not storage.s3.bucket.exists()
    start(monkeypatch, "manage.py", "migrate")
    assert storage.s3.bucket.exists()


def test_a_server_that_is_down_is_logged_and_stops_nothing(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    buckets.options["MINIO_CONSISTENCY_CHECK_ON_START"] = True
    with closed_port() as endpoint, caplog.at_level(logging.ERROR):
        buckets.options["MINIO_ENDPOINT"] = endpoint
        start(monkeypatch, "gunicorn")
    assert "Consistency check of storage 'default': The S3 server at" in caplog.text


def test_the_static_bucket_is_made_too(
    buckets: Buckets, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**buckets.options, "MINIO_CONSISTENCY_CHECK_ON_START": True}
    static = {
        "BACKEND": "django_minio_backend.models.MinioBackendStatic",
        "OPTIONS": options,
    }
    settings.STORAGES = {**settings.STORAGES, "staticfiles": static}
    start(monkeypatch, "gunicorn")
    assert MinioBackend(buckets.static).s3.bucket.exists()


def test_a_server_that_is_down_stops_django_where_that_is_asked_for(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = {"MINIO_CONSISTENCY_CHECK_ON_START": True, "MINIO_CONSISTENCY_CHECK_STRICT": True}
    with closed_port() as endpoint:
        buckets.change(**strict, MINIO_ENDPOINT=endpoint)
        with pytest.raises(ConfigurationError, match="the consistency check failed, and MINIO_C"):
            start(monkeypatch, "gunicorn")


def test_a_bucket_that_cannot_be_made_is_logged(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    buckets.change(
        MINIO_CONSISTENCY_CHECK_ON_START=True,
        MINIO_BUCKETS={buckets.private: {"object_lock": True}},
    )
    start(monkeypatch, "gunicorn")
    assert f"storage 'default': {buckets.private}: failed: object_lock: " in caplog.text


def test_a_silent_server_delays_the_start_once_and_shortly(
    buckets: Buckets, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        buckets.change(
            MINIO_CONSISTENCY_CHECK_ON_START=True,
            MINIO_CONNECT_TIMEOUT=0.3,
            MINIO_ENDPOINT=f"127.0.0.1:{silent.getsockname()[1]}",
        )
        settings.STORAGES = {**settings.STORAGES, "second": settings.STORAGES["default"]}
        began = time.monotonic()
        start(monkeypatch, "gunicorn")
    assert time.monotonic() - began < 1


def test_a_server_that_falls_silent_is_not_waited_for(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with hostile(Answer(200, "<ListBucketResult/>"), Answer(503)) as server:
        buckets.change(MINIO_CONSISTENCY_CHECK_ON_START=True, MINIO_ENDPOINT=server.endpoint)
        start(monkeypatch, "gunicorn")
        assert len(server.requests) == 4  # two for its health, one for each bucket
    assert caplog.text.count("overloaded") == 2


def test_what_contradicts_another_storage_is_logged_and_changes_nothing(
    buckets: Buckets,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    docs = {
        **buckets.options,
        "MINIO_PRIVATE_BUCKETS": [],
        "MINIO_DEFAULT_BUCKET": buckets.private,
        "MINIO_PUBLIC_BUCKETS": [buckets.private],
        "MINIO_CONSISTENCY_CHECK_ON_START": True,
    }
    backend = settings.STORAGES["default"]["BACKEND"]
    second = {"BACKEND": backend, "OPTIONS": docs}
    settings.STORAGES = {**settings.STORAGES, "docs": second}
    start(monkeypatch, "gunicorn")
    assert "private by storage 'default' and public by storage 'docs'" in caplog.text
    assert MinioBackend(storage_name="default").s3.bucket.read_policy() is None


def test_a_test_run_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not will_use_storages(["-c"], {"PYTEST_VERSION": "9"})


def test_a_bucket_that_another_storage_declares_first_is_made_too(
    buckets: Buckets, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    MinioBackend().client.remove_bucket(bucket_name=buckets.private)
    asks = {**buckets.options, "MINIO_CONSISTENCY_CHECK_ON_START": True}
    second = {**settings.STORAGES["default"], "OPTIONS": asks}
    settings.STORAGES = {**settings.STORAGES, "docs": second}
    start(monkeypatch, "gunicorn")
    assert MinioBackend(storage_name="default").s3.bucket.exists()


def test_a_server_with_broken_settings_does_not_start(site: Site) -> None:
    site.settings(BROKEN)
    printed = site.run("-c", "import django; django.setup()", fails=True)
    assert "unknown option MINIO_ENPOINT" in printed
