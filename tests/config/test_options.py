from __future__ import annotations

import copy
import dataclasses
import datetime
from typing import Any

import pytest
import urllib3

from django_minio_backend import MinioBackend, MinioBackendStatic
from django_minio_backend.errors import (
    ConfigurationError,
    PrivatePublicMixedError,
)
from tests.config.conftest import GOOD, SECRET, declare, parse

# The OPTIONS blocks of version 4's README.
V4_STATIC: dict[str, Any] = {
    "MINIO_ENDPOINT": "play.min.io",
    "MINIO_ACCESS_KEY": "Q3AM3UQ867SPQQA43P2F",
    "MINIO_SECRET_KEY": "zuf+tfteSlswRu7BJ86wekitnifILbZam1KYY3TG",
    "MINIO_USE_HTTPS": True,
    "MINIO_REGION": "us-east-1",
    "MINIO_URL_EXPIRY_HOURS": datetime.timedelta(days=1),
    "MINIO_CONSISTENCY_CHECK_ON_START": True,
    "MINIO_STATIC_FILES_BUCKET": "my-static-files-bucket",
}
V4_DEFAULT: dict[str, Any] = {
    "MINIO_ENDPOINT": "play.min.io",
    "MINIO_EXTERNAL_ENDPOINT": "external.min.io",
    "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": True,
    "MINIO_ACCESS_KEY": "Q3AM3UQ867SPQQA43P2F",
    "MINIO_SECRET_KEY": "zuf+tfteSlswRu7BJ86wekitnifILbZam1KYY3TG",
    "MINIO_USE_HTTPS": True,
    "MINIO_REGION": "us-east-1",
    "MINIO_PRIVATE_BUCKETS": ["django-backend-dev-private", "my-media-files-bucket"],
    "MINIO_PUBLIC_BUCKETS": ["django-backend-dev-public", "t5p2g08k31", "7xi7lx9rjh"],
    "MINIO_URL_EXPIRY_HOURS": datetime.timedelta(days=1),
    "MINIO_CONSISTENCY_CHECK_ON_START": False,
    "MINIO_POLICY_HOOKS": [],
    "MINIO_DEFAULT_BUCKET": "my-media-files-bucket",
    "MINIO_STATIC_FILES_BUCKET": "my-static-files-bucket",
    "MINIO_BUCKET_CHECK_ON_SAVE": False,
    "MINIO_MULTIPART_UPLOAD": False,
    "MINIO_MULTIPART_THRESHOLD": 10 * 1024 * 1024,
    "MINIO_MULTIPART_PART_SIZE": 10 * 1024 * 1024,
    "MINIO_URL_CACHING_ENABLED": True,
    "MINIO_URL_CACHE_TIMEOUT": 60 * 60 * 8,
    "MINIO_URL_CACHE_PREFIX": "minio_url_",
    "MINIO_HTTP_CLIENT": urllib3.PoolManager(maxsize=10),
}
V4_PUBLIC_DEFAULT: dict[str, Any] = {
    "MINIO_DEFAULT_BUCKET": "django-minio-backend-default-dev-bucket",
    "MINIO_PRIVATE_BUCKETS": [],
    "MINIO_PUBLIC_BUCKETS": ["django-minio-backend-default-dev-bucket"],
}


def test_the_defaults_are_those_of_version_4() -> None:
    options = parse()
    assert options.bucket == "auto-generated-bucket-media-files"
    assert options.private_buckets == ("auto-generated-bucket-media-files",)
    assert not options.is_public
    assert options.static_bucket == "auto-generated-bucket-static-files"
    assert options.region == "us-east-1"
    assert options.url_expiry == datetime.timedelta(days=7)
    assert options.external_endpoint == options.endpoint
    assert options.multipart_threshold == options.multipart_part_size == 10 * 2**20
    assert not options.multipart_upload
    assert not options.bucket_check_on_save
    assert not options.consistency_check_on_start
    assert not options.url_caching_enabled
    assert options.url_cache_prefix == "minio_url_"
    assert (options.connect_timeout, options.read_timeout, options.retries) == (5, 60, 3)


def test_the_options_of_version_4s_readme_are_accepted_as_they_stand(settings: Any) -> None:
    declare(settings, default=V4_DEFAULT)
    settings.STORAGES["staticfiles"] = {
        "BACKEND": "django_minio_backend.models.MinioBackendStatic",
        "OPTIONS": V4_STATIC,
    }
    before = copy.copy(V4_DEFAULT), copy.copy(V4_STATIC)
    assert MinioBackend().bucket == "my-media-files-bucket"
    assert MinioBackendStatic().bucket == "my-static-files-bucket"
    assert MinioBackendStatic(**V4_STATIC).is_bucket_public
    assert MinioBackend().base_url_external == "https://external.min.io"
    assert (V4_DEFAULT, V4_STATIC) == before


def test_a_default_bucket_may_be_public(settings: Any) -> None:
    declare(settings, default={**GOOD, **V4_PUBLIC_DEFAULT})
    assert MinioBackend().is_bucket_public


def test_options_are_frozen_and_never_those_that_django_handed_over() -> None:
    private, headers = ["one-bucket"], {"Expires": "0"}
    options = parse(MINIO_PRIVATE_BUCKETS=private, MINIO_OBJECT_HEADERS=headers)
    private.append("another")
    headers["Expires"] = "1"
    assert "another" not in options.private_buckets
    assert options.headers_for("x") == {"Expires": "0"}
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.bucket = "other"  # type: ignore[misc]


def test_no_secret_is_in_a_repr(settings: Any) -> None:
    declare(settings, default={**GOOD, "MINIO_SESSION_TOKEN": "the-session-token"})
    storage = MinioBackend()
    for text in (repr(storage), repr(storage.options), str(storage.options)):
        assert SECRET not in text
        assert "the-access-key" not in text
        assert "the-session-token" not in text


BAD_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"MINIO_ENPOINT": "x"}, "unknown option MINIO_ENPOINT: did you mean MINIO_ENDPOINT?"),
    ({"replace_exsting": True}, "unknown option replace_exsting: did you mean replace_existing"),
    ({"MINIO_MEDIA_FILES_BUCKET": "abc"}, "did you mean MINIO_DEFAULT_BUCKET"),
    ({"MINIO_ZZZ": 1}, "unknown option MINIO_ZZZ: see the options in the"),
    ({"access_key": "x"}, "unknown option access_key: did you mean MINIO_ACCESS_KEY?"),
    ({"MINIO_ENDPOINT": ""}, "MINIO_ENDPOINT must be set: add to STORAGES['media']['OPTIONS']"),
    ({"MINIO_SECRET_KEY": None}, "MINIO_SECRET_KEY must be set"),
    ({"MINIO_SECRET_KEY": 7}, "MINIO_SECRET_KEY must be a string, not int"),
    ({"MINIO_ACCESS_KEY": "sch\u00f6n"}, "MINIO_ACCESS_KEY must be printable ASCII"),
    ({"MINIO_ENDPOINT": 9000}, "MINIO_ENDPOINT must be a string, not int"),
    ({"MINIO_ENDPOINT": "ftp://host"}, "MINIO_ENDPOINT has the scheme 'ftp'"),
    ({"MINIO_ENDPOINT": "http://host"}, "MINIO_ENDPOINT starts with 'http://' but its HTTPS"),
    ({"MINIO_ENDPOINT": "user:pass@host"}, "MINIO_ENDPOINT must be host"),
    ({"MINIO_ENDPOINT": "host:port"}, "MINIO_ENDPOINT must be host"),
    ({"MINIO_ENDPOINT": "host/path"}, "only MINIO_EXTERNAL_ENDPOINT may"),
    ({"MINIO_USE_HTTPS": "nope"}, "MINIO_USE_HTTPS must be True or False, or text such as"),
    ({"MINIO_BUCKET_CHECK_ON_SAVE": [1]}, "MINIO_BUCKET_CHECK_ON_SAVE must be True or False"),
    ({"MINIO_DEFAULT_BUCKET": "Bad_Bucket"}, "invalid bucket name 'Bad_Bucket'"),
    ({"MINIO_PRIVATE_BUCKETS": {"a": "b"}}, "MINIO_PRIVATE_BUCKETS must be a list"),
    ({"MINIO_PUBLIC_BUCKETS": ["ab"]}, "MINIO_PUBLIC_BUCKETS holds the invalid bucket name 'ab'"),
    ({"MINIO_URL_EXPIRY_HOURS": "soon"}, "MINIO_URL_EXPIRY_HOURS must be a timedelta"),
    ({"MINIO_URL_EXPIRY_HOURS": -1}, "MINIO_URL_EXPIRY_HOURS must be between 1 second"),
    ({"MINIO_MULTIPART_PART_SIZE": 1024}, "between 5 MiB and 5 GiB"),
    ({"MINIO_URL_STABLE_WINDOW": -1}, "MINIO_URL_STABLE_WINDOW must be a number of seconds"),
    ({"MINIO_URL_STABLE_WINDOW": datetime.timedelta(days=1)}, "at most a tenth of MINIO_URL_EXP"),
    ({"MINIO_PUBLIC_BASE_URL": "cdn.example.com"}, "MINIO_PUBLIC_BASE_URL must be an address"),
    ({"MINIO_MULTIPART_PARALLEL": 0}, "MINIO_MULTIPART_PARALLEL must be a whole number from 1"),
    ({"MINIO_CONNECT_TIMEOUT": 0}, "MINIO_CONNECT_TIMEOUT must be a number of seconds"),
    ({"MINIO_RETRIES": True}, "MINIO_RETRIES must be a whole number"),
    ({"MINIO_CA_CERTS": "/nowhere/ca.pem"}, "names a file that is not there: /nowhere/ca.pem"),
    ({"MINIO_CA_CERTS": 1}, "MINIO_CA_CERTS must be the path"),
    ({"MINIO_LOCATION": "../b"}, "MINIO_LOCATION is no usable key prefix"),
    ({"MINIO_HTTP_CLIENT": object()}, "MINIO_HTTP_CLIENT must be a urllib3.PoolManager"),
    ({"MINIO_CREDENTIALS": 5}, "MINIO_CREDENTIALS must be a minio.credentials.Provider"),
    ({"MINIO_OBJECT_HEADERS": ["x"]}, "MINIO_OBJECT_HEADERS must be a mapping"),
    ({"MINIO_OBJECT_HEADERS": {"Cachecontrol": "x"}}, "'Cachecontrol', which S3 does not keep"),
    ({"MINIO_OBJECT_HEADERS": {"X-Frame-Options": "DENY"}}, "x-amz-meta-X-Frame-Options"),
    ({"MINIO_OBJECT_HEADERS": {"Bad Name": "x"}}, "header name 'Bad Name'"),
    ({"MINIO_OBJECT_HEADERS": {"Expires": "\u00e9"}}, "'Expires' that is not printable ASCII"),
    ({"MINIO_OBJECT_HEADERS": {"Content-Length": "2"}}, "which is for the storage to set"),
    ({"MINIO_OBJECT_HEADERS": {"If-Match": "x"}}, "sets 'If-Match', which is for the storage"),
    ({"MINIO_OBJECT_HEADERS": {"Expires": 3600}}, "'Expires' that is no string but int"),
    ({"MINIO_OBJECT_HEADERS": {"expires": "0", "Expires": "1"}}, "has 'Expires' twice"),
    ({"MINIO_GZIP": "html"}, "MINIO_GZIP must be True, False or a list of media types"),
    ({"MINIO_GZIP": ["html"]}, "MINIO_GZIP must be True, False or a list of media types"),
    ({"metadata": {"a": "x\r\nHost: evil"}}, "'x-amz-meta-a' that is not printable ASCII"),
    ({"MINIO_SESSION_TOKEN": "token\n"}, "MINIO_SESSION_TOKEN begins or ends with a blank"),
    ({"MINIO_SECRET_KEY": "from-a-file\n"}, "MINIO_SECRET_KEY begins or ends with a blank or a"),
    ({"MINIO_ACCESS_KEY": " key"}, "MINIO_ACCESS_KEY begins or ends with a blank or a line break"),
    ({"MINIO_READ_TIMEOUT": float("nan")}, "MINIO_READ_TIMEOUT must be a number of seconds"),
    ({"bucket": "x"}, "unknown option bucket: did you mean bucket_name?"),
    ({"MINIO_ENDPOINT": "host:0"}, "MINIO_ENDPOINT must be host"),
    ({"metadata": {"caf\u00e9": "x"}}, "metadata has the header name"),
    ({"metadata": "x"}, "metadata must be a mapping"),
    ({"tags": {str(n): "x" for n in range(11)}}, "tags must be a mapping of up to 10"),
    ({"retention": "forever"}, "retention must be a minio.retention.Retention"),
    ({"sse": "AES256"}, "sse must be a minio.sse.Sse"),
    ({"MINIO_BUCKETS": {"b": {"cors": "*"}}}, "for 'b' a cors that must be a list of rules"),
    ({"MINIO_BUCKETS": {"b": {"cors": [{}]}}}, "a cors that needs AllowedOrigins and AllowedM"),
    ({"progress": 1}, "progress must have the methods"),
    ({"MINIO_POLICY_HOOKS": "hooks"}, "MINIO_POLICY_HOOKS must be a list"),
    ({"MINIO_POLICY_HOOKS": [("bucket",)]}, "MINIO_POLICY_HOOKS must be a list"),
    ({"MINIO_POLICY_HOOKS": [("bucket", {"x": {1}})]}, "policy for 'bucket' that is no JSON"),
]


@pytest.mark.parametrize(("given", "message"), BAD_OPTIONS)
def test_bad_input_names_alias_option_and_fix(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(**given)
    assert str(caught.value).startswith("Storage 'media': ")
    assert message in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_bucket_cannot_be_both_private_and_public() -> None:
    with pytest.raises(PrivatePublicMixedError, match=r"'media': declared both.*: both"):
        parse(MINIO_PRIVATE_BUCKETS=["both", "one"], MINIO_PUBLIC_BUCKETS=["both"])
