from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.files.storage import FileSystemStorage
from django.test import override_settings
from django.urls import clear_url_caches

from django_minio_backend.direct import checks
from tests.clips.models import Clip
from tests.conftest import Buckets
from tests.hostile import Answer, closed_port, hostile

AUTH = "django.contrib.auth.middleware.AuthenticationMiddleware"


def ids(messages: list[Any]) -> list[str]:
    return [message.id for message in messages]


def test_a_good_project_has_no_message(buckets: Buckets) -> None:
    assert [m for m in run_checks() if str(m.id).startswith("direct_uploads")] == []


@pytest.mark.parametrize("middleware", [[], [AUTH], [checks.MIDDLEWARE, AUTH]])
def test_the_middleware_belongs_after_that_of_users(settings: Any, middleware: list[str]) -> None:
    settings.MIDDLEWARE = middleware
    assert ids(checks.check_middleware()) == ["direct_uploads.E001"]
    settings.MIDDLEWARE = [AUTH, checks.MIDDLEWARE]
    assert checks.check_middleware() == []


def test_a_field_needs_a_storage_that_takes_uploads(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Clip._meta.get_field("file"), "storage", FileSystemStorage())
    [message] = checks.check_fields()
    assert message.id == "direct_uploads.W002"
    assert message.msg == "clips.Clip.file: direct uploads need a MinioBackend."


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("DIRECT_UPLOADS_SCAN", "no.such.scan", "ModuleNotFoundError"),
        ("DIRECT_UPLOADS_SCAN", 5, "must be a callable"),
        ("DIRECT_UPLOADS_PERMISSION", "django_minio_backend.direct.nobody", "ImportError"),
        ("DIRECT_UPLOADS_MAX_AGE", "long", "ValueError"),
        ("DIRECT_UPLOADS_MAX_AGE", 0, "more than 0"),
    ],
)
def test_a_wrong_setting_is_named(settings: Any, name: str, value: Any, reason: str) -> None:
    setattr(settings, name, value)
    [message] = checks.check_settings()
    assert message.id == "direct_uploads.E003"
    assert name in message.msg
    assert reason in message.msg


def run_network_checks() -> list[Any]:
    messages = run_checks(tags=[checks.NETWORK])
    return [m for m in messages if str(m.id).startswith("direct_uploads")]


def test_a_server_that_allows_the_page_is_fine(buckets: Buckets, settings: Any) -> None:
    settings.ALLOWED_HOSTS = []
    settings.CSRF_TRUSTED_ORIGINS = ["https://www.example.com", "https://*.example.org"]
    assert checks.list_origins() == ["https://www.example.com"]
    assert run_network_checks() == []


def test_a_server_that_refuses_the_page_is_told(buckets: Buckets, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["www.example.com", ".example.org", "localhost"]
    with hostile(*[Answer(403)] * 2) as server:
        buckets.change(MINIO_EXTERNAL_ENDPOINT=server.endpoint)
        [message] = run_network_checks()
    assert message.id == "direct_uploads.W001"
    assert "A page of https://www.example.com may not upload" in message.msg
    assert "it answers 403 and allows no origin" in message.msg
    assert run_checks(tags=["files"]) is not None
    with closed_port() as endpoint:
        buckets.change(MINIO_EXTERNAL_ENDPOINT=endpoint)
        [message] = run_network_checks()
    assert "it does not answer" in message.msg
    buckets.change(MINIO_EXTERNAL_ENDPOINT="https://www.example.com/files/")
    assert run_network_checks() == []


@pytest.mark.parametrize("urls", ["tests.bgfiles.urls", None])
def test_the_views_must_be_included(urls: str | None) -> None:
    with override_settings(ROOT_URLCONF=urls):
        clear_url_caches()
        assert ids(checks.check_urls()) == ["direct_uploads.E004"]
    clear_url_caches()
    assert checks.check_urls() == []
