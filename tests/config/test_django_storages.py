from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest

from django_minio_backend.config import django_storages
from django_minio_backend.config.django_storages import Code, Translation, show, translate

S3 = "storages.backends.s3.S3Storage"
OPTIONS = {
    "bucket_name": "files",
    "access_key": "the-key",
    "secret_key": "the-secret",
    "endpoint_url": "http://127.0.0.1:9000/",
}


def make(options: dict[str, Any], path: str = S3, **given: Any) -> Translation:
    result = translate("default", path, options, given.get)
    assert result is not None
    return result


def test_every_setting_of_the_package_is_known() -> None:
    s3 = pytest.importorskip("storages.backends.s3")
    known = set(s3.S3Storage.get_default_settings(object.__new__(s3.S3Storage)))
    assert known - set(django_storages.SETTINGS) == set()
    described = {key: django_storages._describe(key, key) for key in django_storages.SETTINGS}
    assert [text for text in described.values() if "no such setting" in text] == []


def test_the_defaults_mean_what_they_meant() -> None:
    options = make(OPTIONS).options
    assert options["MINIO_ENDPOINT"] == "http://127.0.0.1:9000"
    assert options["MINIO_PRIVATE_BUCKETS"] == ["files"]
    assert options["MINIO_URL_EXPIRY_HOURS"] == timedelta(hours=1)
    assert options["replace_existing"] is True
    assert "MINIO_GZIP" not in options


@pytest.mark.parametrize(
    ("given", "option", "value"),
    [
        ({"querystring_auth": False}, "MINIO_PUBLIC_BUCKETS", ["files"]),
        ({"default_acl": "public-read"}, "MINIO_PUBLIC_BUCKETS", ["files"]),
        ({"custom_domain": "cdn.example.com"}, "MINIO_PUBLIC_BASE_URL", "https://cdn.example.com"),
        ({"querystring_expire": 60}, "MINIO_URL_EXPIRY_HOURS", timedelta(seconds=60)),
        ({"location": "media"}, "MINIO_LOCATION", "media"),
        ({"file_overwrite": False}, "replace_existing", False),
        ({"gzip": True, "gzip_content_types": ("a/b",)}, "MINIO_GZIP", ["a/b"]),
        ({"verify": "/ca.pem"}, "MINIO_CA_CERTS", "/ca.pem"),
        ({"region_name": "eu-1"}, "MINIO_REGION", "eu-1"),
        ({"endpoint_url": None, "use_ssl": False}, "MINIO_ENDPOINT", "http://s3.amazonaws.com"),
        ({"security_token": "t"}, "MINIO_SESSION_TOKEN", Code('os.environ["MINIO_SESSION_TOKEN"]')),
        (
            {"object_parameters": {"CacheControl": "private"}},
            "MINIO_OBJECT_HEADERS",
            {"CacheControl": "private"},
        ),
    ],
)
def test_a_setting_is_taken_over(given: dict[str, Any], option: str, value: Any) -> None:
    assert make({**OPTIONS, **given}).options[option] == value


def test_settings_outside_storages_count_less() -> None:
    options = make({"location": "a"}, AWS_LOCATION="b", AWS_STORAGE_BUCKET_NAME="files").options
    assert (options["MINIO_LOCATION"], options["MINIO_DEFAULT_BUCKET"]) == ("a", "files")


@pytest.mark.parametrize(
    ("options", "note"),
    [
        ({"addressing_style": "path"}, "OPTIONS['addressing_style'] is not needed: links have"),
        ({"cloudfront_key": "k"}, "OPTIONS['cloudfront_key'] has no equal: keep django-storages"),
        ({"verify": False}, "verify=False has no equal"),
        ({"bucket": "x"}, "OPTIONS['bucket'] has no equal: no such setting is known"),
        ({}, "file_overwrite is True by default: replace_existing"),
        ({"location": "m"}, "OPTIONS['location']: MINIO_LOCATION"),
    ],
)
def test_each_setting_has_a_sentence(options: dict[str, Any], note: str) -> None:
    assert any(text.startswith(note) for text in make(options).notes)


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        (S3, "MinioBackend"),
        ("storages.backends.s3boto3.S3Boto3Storage", "MinioBackend"),
        ("storages.backends.s3boto3.S3StaticStorage", "MinioBackendStatic"),
        ("storages.backends.s3.S3ManifestStaticStorage", "MinioBackendStaticManifest"),
        ("storages.backends.azure_storage.AzureStorage", ""),
        ("django.core.files.storage.FileSystemStorage", ""),
    ],
)
def test_classes_have_their_equals(path: str, ours: str) -> None:
    assert django_storages.find_backend(path).rpartition(".")[2] == ours
    assert ours or translate("default", path, {}, lambda name: None) is None


def test_static_files_have_a_bucket_and_no_expiry() -> None:
    options = make(OPTIONS, "storages.backends.s3.S3StaticStorage").options
    assert options["MINIO_STATIC_FILES_BUCKET"] == "files"
    assert not {"replace_existing", "MINIO_URL_EXPIRY_HOURS", "MINIO_DEFAULT_BUCKET"} & set(options)


def test_it_is_printed_as_python_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    text = show([make(OPTIONS)])
    assert "the-secret" not in text
    assert "the-key" not in text
    monkeypatch.setitem(os.environ, "MINIO_ACCESS_KEY", "k")
    monkeypatch.setitem(os.environ, "MINIO_SECRET_KEY", "s")
    names: dict[str, Any] = {}
    exec(text, names)
    entry = names["STORAGES"]["default"]
    assert entry["BACKEND"] == "django_minio_backend.models.MinioBackend"
    assert entry["OPTIONS"]["MINIO_SECRET_KEY"] == "s"
    assert entry["OPTIONS"]["MINIO_URL_EXPIRY_HOURS"] == timedelta(hours=1)
