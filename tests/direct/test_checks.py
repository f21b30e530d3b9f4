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
    assert message.id == "direct_uploads.E002"
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


@pytest.mark.parametrize("urls", ["tests.bgfiles.urls", None])
def test_the_views_must_be_included(urls: str | None) -> None:
    with override_settings(ROOT_URLCONF=urls):
        clear_url_caches()
        assert ids(checks.check_urls()) == ["direct_uploads.E004"]
    clear_url_caches()
    assert checks.check_urls() == []
