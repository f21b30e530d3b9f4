from __future__ import annotations

import datetime
from typing import Any

import pytest
import urllib3

from django_minio_backend import MinioBackend, MinioBackendStatic
from django_minio_backend.config import version3
from django_minio_backend.storage.backend import list_storages
from tests.config.conftest import GOOD, declare

V3: dict[str, Any] = {
    "MINIO_ENDPOINT": "minio.your-company.co.uk",
    "MINIO_EXTERNAL_ENDPOINT": "external-minio.your-company.co.uk",
    "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": True,
    "MINIO_REGION": "us-east-1",
    "MINIO_ACCESS_KEY": "yourMinioAccessKey",
    "MINIO_SECRET_KEY": "yourVeryS3cr3tP4ssw0rd",
    "MINIO_USE_HTTPS": True,
    "MINIO_URL_EXPIRY_HOURS": datetime.timedelta(days=1),
    "MINIO_CONSISTENCY_CHECK_ON_START": True,
    "MINIO_PRIVATE_BUCKETS": ["django-backend-dev-private", "my-static-files-bucket"],
    "MINIO_PUBLIC_BUCKETS": ["django-backend-dev-public"],
    "MINIO_POLICY_HOOKS": [],
    "MINIO_MEDIA_FILES_BUCKET": "my-media-files-bucket",
    "MINIO_STATIC_FILES_BUCKET": "my-static-files-bucket",
    "MINIO_BUCKET_CHECK_ON_SAVE": True,
    "MINIO_HTTP_CLIENT": urllib3.PoolManager(maxsize=10),
}


@pytest.fixture
def version_3(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(version3, "_warned", False)
    for name, value in V3.items():
        setattr(settings, name, value)
    settings.STORAGES = {
        "default": {"BACKEND": "django_minio_backend.models.MinioBackend"},
        "staticfiles": {"BACKEND": "django_minio_backend.models.MinioBackendStatic"},
    }
    return settings


def test_version_3s_settings_work_with_one_warning(version_3: Any) -> None:
    with pytest.warns(DeprecationWarning, match="MINIO_. settings outside STORAGES") as warned:
        media, static = MinioBackend().options, MinioBackendStatic().options
        MinioBackend("django-backend-dev-public")
    assert len(warned) == 1
    assert media.bucket == "my-media-files-bucket"
    assert media.private_buckets == ("django-backend-dev-private", "my-media-files-bucket")
    assert media.public_buckets == ("django-backend-dev-public",)
    assert media.external_endpoint.url == "https://external-minio.your-company.co.uk"
    assert media.http_client is V3["MINIO_HTTP_CLIENT"]
    assert media.bucket_check_on_save
    assert media.consistency_check_on_start
    assert (static.bucket, static.is_public) == ("my-static-files-bucket", True)


@pytest.mark.filterwarnings("ignore:MINIO_")
def test_version_3s_fields_need_no_storage_of_ours_in_storages(version_3: Any) -> None:
    version_3.STORAGES = {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": "somewhere"},
        },
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    assert MinioBackend("django-backend-dev-public").is_bucket_public
    ((alias, storage),) = list_storages()
    assert (alias, storage.bucket) == ("default", "my-media-files-bucket")


def test_options_leave_version_3s_settings_out(version_3: Any) -> None:
    declare(version_3, default=GOOD)
    assert MinioBackend().options.private_buckets == ("auto-generated-bucket-media-files",)
