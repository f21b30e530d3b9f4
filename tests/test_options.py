from __future__ import annotations

import copy
import dataclasses
import datetime
import pathlib
from typing import Any

import pytest
import urllib3
from minio.credentials import StaticProvider

from django_minio_backend import MinioBackend, MinioBackendStatic, declared
from django_minio_backend.errors import (
    ConfigurationError,
    InvalidCredentials,
    PrivatePublicMixedError,
)
from django_minio_backend.options import Options
from django_minio_backend.sdk import credentials_source
from django_minio_backend.signing import Credentials
from django_minio_backend.storage import configured

SECRET = "the-secret-key"
GOOD: dict[str, Any] = {
    "MINIO_ENDPOINT": "minio.example.com:9000",
    "MINIO_ACCESS_KEY": "the-access-key",
    "MINIO_SECRET_KEY": SECRET,
    "MINIO_USE_HTTPS": True,
}

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


def parse(**given: Any) -> Options:
    return Options.parse("media", {**GOOD, **given})


def declare(settings: Any, **aliases: dict[str, Any]) -> None:
    settings.STORAGES = {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        **{
            alias: {"BACKEND": "django_minio_backend.models.MinioBackend", "OPTIONS": options}
            for alias, options in aliases.items()
        },
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
    ({"zzz": 1}, "unknown option zzz: see the README"),
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
    ({"MINIO_USE_HTTPS": "False"}, "MINIO_USE_HTTPS must be True or False, not str"),
    ({"MINIO_DEFAULT_BUCKET": "Bad_Bucket"}, "invalid bucket name 'Bad_Bucket'"),
    ({"MINIO_PRIVATE_BUCKETS": "name"}, "MINIO_PRIVATE_BUCKETS must be a list"),
    ({"MINIO_PUBLIC_BUCKETS": ["ab"]}, "MINIO_PUBLIC_BUCKETS holds the invalid bucket name 'ab'"),
    ({"MINIO_URL_EXPIRY_HOURS": datetime.timedelta(days=8)}, "7 days"),
    ({"MINIO_URL_EXPIRY_HOURS": 24}, "MINIO_URL_EXPIRY_HOURS must be a timedelta"),
    ({"MINIO_MULTIPART_PART_SIZE": 1024}, "between 5 MiB and 5 GiB"),
    ({"MINIO_URL_STABLE_WINDOW": -1}, "MINIO_URL_STABLE_WINDOW must be a number of seconds"),
    ({"MINIO_URL_STABLE_WINDOW": datetime.timedelta(days=1)}, "at most a tenth of MINIO_URL_EXP"),
    ({"MINIO_PUBLIC_BASE_URL": "cdn.example.com"}, "MINIO_PUBLIC_BASE_URL must be an address"),
    ({"MINIO_MULTIPART_PARALLEL": 0}, "MINIO_MULTIPART_PARALLEL must be a whole number from 1"),
    ({"MINIO_CONNECT_TIMEOUT": 0}, "MINIO_CONNECT_TIMEOUT must be a number of seconds"),
    ({"MINIO_RETRIES": True}, "MINIO_RETRIES must be a whole number"),
    ({"MINIO_CA_CERTS": "/nowhere/ca.pem"}, "names a file that is not there: /nowhere/ca.pem"),
    ({"MINIO_CA_CERTS": 1}, "MINIO_CA_CERTS must be the path"),
    ({"MINIO_LOCATION": "a//b"}, "MINIO_LOCATION is no usable key prefix"),
    ({"MINIO_HTTP_CLIENT": object()}, "MINIO_HTTP_CLIENT must be a urllib3.PoolManager"),
    ({"MINIO_CREDENTIALS": 5}, "MINIO_CREDENTIALS must be a minio.credentials.Provider"),
    ({"MINIO_OBJECT_HEADERS": ["x"]}, "MINIO_OBJECT_HEADERS must be a mapping"),
    ({"MINIO_OBJECT_HEADERS": {"Bad Name": "x"}}, "header name 'Bad Name'"),
    ({"MINIO_OBJECT_HEADERS": {"Expires": "\u00e9"}}, "'Expires' that is not printable ASCII"),
    ({"MINIO_OBJECT_HEADERS": {"Content-Length": "2"}}, "which is for the storage to set"),
    ({"MINIO_OBJECT_HEADERS": {"If-Match": "x"}}, "sets 'If-Match', which is for the storage"),
    ({"MINIO_OBJECT_HEADERS": {"Expires": 3600}}, "'Expires' that is no string but int"),
    ({"MINIO_OBJECT_HEADERS": {"expires": "0", "Expires": "1"}}, "has 'Expires' twice"),
    ({"MINIO_GZIP": "text/html"}, "MINIO_GZIP must be True, False or a list of media types"),
    ({"MINIO_GZIP": ["html"]}, "MINIO_GZIP must be True, False or a list of media types"),
    ({"metadata": {"a": "x\r\nHost: evil"}}, "'x-amz-meta-a' that is not printable ASCII"),
    ({"MINIO_SESSION_TOKEN": "token\n"}, "MINIO_SESSION_TOKEN must be printable ASCII"),
    ({"MINIO_READ_TIMEOUT": float("nan")}, "MINIO_READ_TIMEOUT must be a number of seconds"),
    ({"bucket": "x"}, "unknown option bucket: did you mean bucket_name?"),
    ({"MINIO_ENDPOINT": "host:0"}, "MINIO_ENDPOINT must be host"),
    ({"metadata": {"caf\u00e9": "x"}}, "metadata has the header name"),
    ({"metadata": "x"}, "metadata must be a mapping"),
    ({"tags": {str(n): "x" for n in range(11)}}, "tags must be a mapping of up to 10"),
    ({"retention": "forever"}, "retention must be a minio.retention.Retention"),
    ({"sse": "AES256"}, "sse must be a minio.sse.Sse"),
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


def test_bad_object_headers_of_a_callable_are_reported_on_use() -> None:
    options = parse(MINIO_OBJECT_HEADERS=lambda name: {"Cache-Control": "\n"})
    with pytest.raises(ConfigurationError, match="MINIO_OBJECT_HEADERS has a value for"):
        options.headers_for("x")


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"MINIO_ENDPOINT": "host:9000/"}, "https://host:9000"),
        ({"MINIO_ENDPOINT": "https://host/"}, "https://host"),
        ({"MINIO_ENDPOINT": "host:443"}, "https://host"),
        ({"MINIO_ENDPOINT": "HTTP://host:80", "MINIO_USE_HTTPS": None}, "http://host"),
        ({"MINIO_ENDPOINT": "host", "MINIO_USE_HTTPS": None}, "http://host"),
        ({"MINIO_ENDPOINT": "[::1]:9000"}, "https://[::1]:9000"),
    ],
)
def test_an_endpoint_may_carry_scheme_port_and_slash(given: dict[str, Any], url: str) -> None:
    assert parse(**given).endpoint.url == url


@pytest.mark.parametrize(
    ("external", "secure", "url"),
    [
        ("cdn.example.com", None, "https://cdn.example.com"),
        ("cdn.example.com", False, "http://cdn.example.com"),
        ("http://cdn.example.com/files/", None, "http://cdn.example.com/files"),
        ("cdn.example.com/\u00e4", True, "https://cdn.example.com/%C3%A4"),
        (None, None, "https://minio.example.com:9000"),
    ],
)
def test_the_external_endpoint_may_differ_in_all(
    external: str | None, secure: bool | None, url: str
) -> None:
    given = {"MINIO_EXTERNAL_ENDPOINT": external, "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": secure}
    assert parse(**given).external_endpoint.url == url


def test_a_ca_file_may_be_a_path_object(tmp_path: pathlib.Path) -> None:
    (tmp_path / "ca.pem").touch()
    assert parse(MINIO_CA_CERTS=tmp_path / "ca.pem").ca_certs == str(tmp_path / "ca.pem")


def test_django_hands_over_the_options_of_another_alias(settings: Any) -> None:
    other = {**GOOD, "MINIO_ENDPOINT": "other.example.com"}
    declare(settings, default={**GOOD, "MINIO_LOCATION": "below"}, other=other)
    from django.core.files.storage import storages

    storage = storages["other"]
    assert isinstance(storage, MinioBackend)
    assert storage.options.alias == "other"
    assert storage.options.location == ""
    assert MinioBackend(storage_name="other").base_url == "https://other.example.com"


def test_keywords_win_over_the_alias(settings: Any) -> None:
    declare(settings, default={**GOOD, "MINIO_LOCATION": "below", "bucket_name": "from-options"})
    assert MinioBackend().bucket == "from-options"
    storage = MinioBackend("keyword-bucket", MINIO_LOCATION="above", replace_existing=True)
    assert storage.bucket == "keyword-bucket"
    assert storage.options.location == "above"
    assert storage.options.replace_existing
    assert storage.base_url == "https://minio.example.com:9000"


def test_keywords_that_name_an_endpoint_stand_alone(settings: Any) -> None:
    declare(settings, default={**GOOD, "MINIO_LOCATION": "below"})
    alone = MinioBackend(**{**GOOD, "MINIO_ENDPOINT": "alone.example.com"})
    assert alone.options.location == ""
    with pytest.raises(ConfigurationError, match="MINIO_SECRET_KEY must be set"):
        MinioBackend(MINIO_ENDPOINT="alone.example.com")


def test_an_alias_that_is_not_declared_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"no STORAGES\['nowhere'\].*default, staticfiles"):
        MinioBackend(storage_name="nowhere")


def test_an_alias_without_a_server_hints_at_one_that_has(settings: Any) -> None:
    declare(settings, default={}, media=GOOD)
    with pytest.raises(ConfigurationError, match=r"Storage 'default': .* storage_name='media'"):
        MinioBackend("some-bucket")
    assert MinioBackend("some-bucket", storage_name="media").options.alias == "media"


def test_an_undeclared_bucket_is_private(settings: Any) -> None:
    declare(settings, default=GOOD)
    assert not MinioBackend("undeclared").is_bucket_public
    with pytest.raises(ConfigurationError, match="bucket_name holds the invalid bucket name"):
        MinioBackend("No Bucket")


def test_url_caching_is_still_read_from_flat_settings(settings: Any) -> None:
    declare(settings, default=GOOD)
    settings.MINIO_URL_CACHING_ENABLED = True
    settings.MINIO_URL_CACHE_TIMEOUT = 60
    options = MinioBackend(MINIO_URL_CACHE_TIMEOUT=90).options
    assert options.url_caching_enabled
    assert options.url_cache_timeout == 90


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
    monkeypatch.setattr(declared, "_warned", False)
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
    ((alias, storage),) = configured()
    assert (alias, storage.bucket) == ("default", "my-media-files-bucket")


def test_options_leave_version_3s_settings_out(version_3: Any) -> None:
    declare(version_3, default=GOOD)
    assert MinioBackend().options.private_buckets == ("auto-generated-bucket-media-files",)


def a_provider() -> StaticProvider:
    return StaticProvider("key", "secret", "token")


@pytest.mark.parametrize(
    "given",
    [a_provider(), a_provider, "tests.test_options.a_provider"],
    ids=["provider", "callable", "dotted path"],
)
def test_credentials_may_come_from_a_provider(given: object) -> None:
    without = {k: v for k, v in GOOD.items() if k not in {"MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"}}
    options = Options.parse("media", {**without, "MINIO_CREDENTIALS": given})
    assert credentials_source(options)() == Credentials("key", "secret", "token")


class Failing:
    def __init__(self, answer: object) -> None:
        self.answer = answer

    def retrieve(self) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    "answer",
    [OSError("no role, secret-token"), None, Credentials("", "secret"), Credentials("k\n", "s")],
)
def test_a_provider_that_gives_none_is_invalid_credentials(answer: object) -> None:
    options = Options.parse("media", {**GOOD, "MINIO_CREDENTIALS": Failing(answer)})
    with pytest.raises(
        InvalidCredentials, match=r"storage 'media'.*MINIO_CREDENTIALS gave none"
    ) as e:
        credentials_source(options)()
    assert "secret-token" not in str(e.value)


def test_version_4s_keyword_for_parallel_parts_is_understood(settings: Any) -> None:
    declare(settings, default=GOOD)
    assert MinioBackend(num_parallel_uploads=5).options.multipart_parallel == 5


def test_all_parts_of_a_storage_share_one_provider(settings: Any) -> None:
    made = []

    def make() -> StaticProvider:
        made.append(a_provider())
        return made[-1]

    declare(settings, default=GOOD)
    storage = MinioBackend(MINIO_CREDENTIALS=make)
    storage.url("a.txt")
    assert storage.client.presigned_get_object(bucket_name=storage.bucket, object_name="a.txt")
    storage.s3.for_bucket("another").transport._credentials()
    assert len(made) == 1


def test_a_provider_class_is_made_into_one() -> None:
    options = Options.parse("media", {**GOOD, "MINIO_CREDENTIALS": AProvider})
    assert credentials_source(options)().access_key == "made"


class AProvider:
    def retrieve(self) -> Credentials:
        return Credentials("made", "secret")


@pytest.mark.parametrize(
    ("given", "message"),
    [("nowhere.to.be", "cannot be imported"), (dict, "gives a dict, not a minio.credentials")],
)
def test_credentials_that_do_not_come_are_a_clear_error(given: object, message: str) -> None:
    options = Options.parse("media", {**GOOD, "MINIO_CREDENTIALS": given})
    with pytest.raises(ConfigurationError, match=f"Storage 'media': MINIO_CREDENTIALS {message}"):
        credentials_source(options)()
