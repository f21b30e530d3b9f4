"""Settings as environments give them, and options that version 4 did not look at."""

from __future__ import annotations

import datetime
import logging
from typing import Any

import pytest

from django_minio_backend.config.options import FIELDS, Options
from django_minio_backend.config.parsers import parse_flag
from django_minio_backend.errors import ConfigurationError
from tests.conftest import Fetch
from tests.projects import Site
from tests.yesterday.versions import V3, V4

GOOD: dict[str, Any] = {
    "MINIO_ENDPOINT": "minio:9000",
    "MINIO_ACCESS_KEY": "key",
    "MINIO_SECRET_KEY": "secret",
}
FLAGS = sorted(name for name, field in FIELDS.items() if field.metadata["parse"] is parse_flag)


def parse(given: dict[str, Any], *, static: bool = False) -> Options:
    return Options.parse("media", {**GOOD, **given}, static=static)


@pytest.mark.parametrize("option", [*FLAGS, "MINIO_USE_HTTPS", "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS"])
@pytest.mark.parametrize(
    ("text", "meant"),
    [("True", True), ("1", True), ("YES", True), ("false", False), ("", False), ("0", False)],
)
def test_text_is_a_boolean_for_every_boolean_option(option: str, text: str, meant: bool) -> None:
    external = {"MINIO_EXTERNAL_ENDPOINT": "files.example.com"} if "EXTERNAL" in option else {}
    options = parse({option: text, **external})
    by_endpoint = {
        "MINIO_USE_HTTPS": options.endpoint.secure,
        "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": options.external_endpoint.secure,
    }
    field = FIELDS.get(option)
    assert (getattr(options, field.name) if field else by_endpoint[option]) is meant
    with pytest.raises(ConfigurationError, match=f"{option} must be True or False, or text"):
        parse({option: "perhaps", **external})


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({"MINIO_MULTIPART_PART_SIZE": "10485760"}, "multipart_part_size", 10485760),
        ({"MINIO_CONNECT_TIMEOUT": "2.5"}, "connect_timeout", 2.5),
        ({"MINIO_RETRIES": "0"}, "retries", 0),
        ({"MINIO_URL_STABLE_WINDOW": "60"}, "url_stable_window", 60),
        ({"MINIO_URL_CACHE_TIMEOUT": "60"}, "url_cache_timeout", 60),
        ({"MINIO_URL_EXPIRY_HOURS": "24"}, "url_expiry", datetime.timedelta(days=1)),
        ({"MINIO_URL_EXPIRY_HOURS": 0.5}, "url_expiry", datetime.timedelta(minutes=30)),
        ({"MINIO_PUBLIC_BUCKETS": ("one", None, "", "one")}, "public_buckets", ("one",)),
        ({"MINIO_PUBLIC_BUCKETS": "one, two,"}, "public_buckets", ("one", "two")),
        ({"MINIO_PUBLIC_BUCKETS": ""}, "public_buckets", ()),
        ({"MINIO_GZIP": "text/*,image/svg+xml"}, "gzip", ("text/*", "image/svg+xml")),
        ({"MINIO_GZIP": "no"}, "gzip", ()),
        ({"MINIO_STATIC_COMPRESS": "False"}, "static_compress", ""),
        ({"MINIO_REGION": ""}, "region", "us-east-1"),
        ({"MINIO_POLICY_HOOKS": ""}, "policy_hooks", ()),
        ({"MINIO_DEFAULT_BUCKET": ""}, "default_bucket", "auto-generated-bucket-media-files"),
    ],
)
def test_text_is_what_it_stands_for(given: dict[str, Any], field: str, value: Any) -> None:
    assert getattr(parse(given), field) == value
    assert parse(given).notes == ()


def test_a_host_and_a_port_are_an_endpoint() -> None:
    assert parse({"MINIO_ENDPOINT": ("minio", 9000)}).endpoint.url == "http://minio:9000"


def test_links_that_would_live_too_long_are_cut_and_told() -> None:
    month = {"MINIO_URL_EXPIRY_HOURS": datetime.timedelta(days=30)}
    assert parse(month).url_expiry == datetime.timedelta(days=7)
    assert "links work for 7 days" in parse(month).notes[0]
    # Nothing is signed there.
    assert parse(month, static=True).notes == ()
    assert parse({"MINIO_URL_EXPIRY_HOURS": 10**12}).url_expiry == datetime.timedelta(days=7)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("auto_create_bucket", "here MINIO_BUCKET_CHECK_ON_SAVE does that"),
        ("addressing_style", "addressing_style is no option of this storage and is ignored."),
    ],
)
def test_an_option_of_others_is_ignored_and_told(name: str, said: str) -> None:
    options = parse({name: True})
    assert said in options.notes[0]
    assert not options.bucket_check_on_save


def test_what_works_but_should_change_is_told_by_the_check_and_once_in_the_log(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    from django.core import checks

    from django_minio_backend import MinioBackend

    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django_minio_backend.models.MinioBackend",
            "OPTIONS": {**GOOD, "signature_version": "s3v4", "MINIO_DEFAULT_BUCKET": "told-once"},
        },
    }
    with caplog.at_level(logging.WARNING):
        MinioBackend()
        MinioBackend()
    assert caplog.text.count("signature_version is no option") == 1
    assert [m.id for m in checks.run_checks() if "signature" in m.msg] == [
        "django_minio_backend.W010"
    ]


AS_ENVIRONMENTS_GIVE_THEM = """
STORAGES = {
    "default": {
        "BACKEND": MINIO,
        "OPTIONS": {
            **SERVER,
            "MINIO_USE_HTTPS": os.getenv("NOT_SET", ""),
            "MINIO_REGION": "",
            "MINIO_DEFAULT_BUCKET": media,
            "MINIO_PRIVATE_BUCKETS": [media, os.environ.get("NOT_SET", media)],
            "MINIO_PUBLIC_BUCKETS": (),
            "MINIO_EXTERNAL_ENDPOINT": os.environ["ENDPOINT"],
            "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": 0,
            "auto_create_bucket": True,
            "bucket_name": media,
        },
    },
    "staticfiles": {
        "BACKEND": STATIC,
        "OPTIONS": {
            **SERVER,
            "MINIO_STATIC_FILES_BUCKET": static,
            "MINIO_URL_EXPIRY_HOURS": timedelta(days=365),
        },
    },
}
"""
FLAT = """
STORAGES = {"default": {"BACKEND": MINIO}, "staticfiles": {"BACKEND": STATIC}}
globals().update(SERVER)
MINIO_USE_HTTPS = os.getenv("NOT_SET", "")
MINIO_MEDIA_FILES_BUCKET, MINIO_STATIC_FILES_BUCKET = media, static
MINIO_PRIVATE_BUCKETS = [media]
MINIO_PUBLIC_BUCKETS = [static]
MINIO_BUCKET_CHECK_ON_SAVE = 1
"""


@pytest.mark.parametrize("left_behind", [False, True])
@pytest.mark.parametrize(
    ("version", "settings"), [(V4, AS_ENVIRONMENTS_GIVE_THEM), (V3, FLAT)], ids=["v4", "v3"]
)
def test_a_project_that_is_configured_by_its_environment_runs(
    site: Site, fetch: Fetch, version: str, settings: str, left_behind: bool
) -> None:
    site.settings(settings)
    save = """
    for storage in (default_storage, staticfiles_storage):
        storage.check_bucket_existence()
    show([default_storage.save("a.txt", ContentFile(b"content"))])
    """
    if left_behind:
        site.shown(save, version)
        site.manage("collectstatic", "--noinput", version=version)
    else:
        site.shown(save)
    site.manage("check")
    site.manage("initialize_buckets")
    site.deploy()
    media, static = site.shown(
        'show([default_storage.url("a.txt"), staticfiles_storage.url("site.css")])'
    )
    assert fetch(media).data == b"content"
    assert fetch(static).status == 200
