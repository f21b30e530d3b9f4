"""The package on VersityGW: what holds on MinIO holds on S3 servers by others."""

from __future__ import annotations

import os
from io import StringIO
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from django_minio_backend import MinioBackend, errors
from django_minio_backend.buckets import policies
from tests.buckets.conftest import rows
from tests.conftest import Fetch
from tests.sizes import MIB
from tools import versitygw
from tools.minio_server import Server

NAMES = {"private": "other-private", "public": "other-public"}


@pytest.fixture
def options(other_server: Server, settings: Any) -> dict[str, Any]:
    given = {
        "MINIO_ENDPOINT": other_server.endpoint,
        "MINIO_ACCESS_KEY": other_server.access_key,
        "MINIO_SECRET_KEY": other_server.secret_key,
        "MINIO_DEFAULT_BUCKET": NAMES["private"],
        "MINIO_PUBLIC_BUCKETS": [NAMES["public"]],
    }
    put_in_force(settings, given)
    for name in NAMES.values():
        storage = MinioBackend(name)
        if storage.s3.bucket.exists():
            for page in storage.s3.list_pages(""):
                for entry in page.entries:
                    storage.s3.delete(entry.key)
            storage.s3.bucket.set_policy(None)
            storage.s3.transport.send("DELETE")
    return given


def put_in_force(settings: Any, given: dict[str, Any]) -> None:
    backend = "django_minio_backend.models.MinioBackend"
    settings.STORAGES = {"default": {"BACKEND": backend, "OPTIONS": given}}


def initialize(**keywords: Any) -> tuple[dict[str, list[str]], str]:
    """Return the rows that the command prints, by bucket, and what it says of failures."""
    out, err = StringIO(), StringIO()
    try:
        call_command("initialize_buckets", stdout=out, stderr=err, **keywords)
    except CommandError as error:
        err.write(str(error))
    return rows(out.getvalue()), err.getvalue()


def test_buckets_are_made_corrected_and_left_alone(options: dict[str, Any]) -> None:
    made, _ = initialize()
    assert made[NAMES["public"]] == ["public", "missing", "created, policy set to public"]
    assert made[NAMES["private"]] == ["private", "missing", "created"]
    assert {row[-1] for row in initialize()[0].values()} == {"NOW", "unchanged"}
    MinioBackend(NAMES["public"]).s3.bucket.set_policy(None)
    MinioBackend(NAMES["private"]).s3.bucket.set_policy(
        policies.allow_public_read(NAMES["private"])
    )
    assert "2 bucket(s) differ" in initialize(check=True)[1]
    drifted, _ = initialize()
    assert drifted[NAMES["public"]] == ["public", "other policy", "policy set to public"]
    assert drifted[NAMES["private"]] == ["private", "other policy", "anonymous access removed"]


def test_what_it_does_not_implement_fails_only_where_it_is_declared(
    options: dict[str, Any], settings: Any
) -> None:
    assert initialize()[1] == ""
    declared = {"lifecycle": [{"Expiration": {"Days": 1}}], "tags": {"a": "b"}}
    put_in_force(settings, {**options, "MINIO_BUCKETS": {NAMES["private"]: declared}})
    found, said = initialize()
    assert "does not implement" in said
    assert found[NAMES["public"]][-1] == "unchanged"


def test_a_wrong_key_and_a_dead_server_are_told_apart(
    options: dict[str, Any], settings: Any
) -> None:
    initialize()
    put_in_force(settings, {**options, "MINIO_SECRET_KEY": "not-the-secret"})
    assert initialize()[1].count("does not accept the credentials") == 2
    status = MinioBackend().is_minio_available()
    assert (status.reachable, status.authenticated, bool(status)) == (True, False, False)


def test_somebody_elses_bucket_is_told(
    options: dict[str, Any], other_server: Server, settings: Any
) -> None:
    initialize()
    put_in_force(settings, {**options, **versitygw.add_user(other_server)})
    found, said = initialize()
    assert said.count("The credentials do not allow this") == 2
    assert {row[-1] for row in found.values()} == {"NOW", "failed"}


def test_its_health_is_told(options: dict[str, Any]) -> None:
    status = MinioBackend().is_minio_available()
    assert status
    assert status.bucket_present is False
    initialize()
    status = MinioBackend().is_minio_available()
    assert (status.bucket_present, status.server.lower()) == (True, "versitygw")
    assert status.clock_difference is not None
    assert abs(status.clock_difference) <= 2


@pytest.mark.parametrize("size", [0, 5, 3 * MIB, 11 * MIB])
def test_files_of_any_size_come_back(options: dict[str, Any], size: int, fetch: Fetch) -> None:
    initialize()
    storage, data = MinioBackend(), os.urandom(size)
    for content in (ContentFile(data), iter([data[: size // 2], data[size // 2 :]])):
        name = storage.save("ä b/file.bin", content)
        with storage.open(name) as file:
            assert file.read() == data
        assert storage.size(name) == size
        assert fetch(storage.url(name)).data == data
    assert len(storage.listdir("ä b")[1]) == 2


def test_names_are_refused_and_missing_ones_told(options: dict[str, Any]) -> None:
    initialize()
    storage = MinioBackend()
    assert not storage.exists("nowhere.txt")
    with pytest.raises(FileNotFoundError):
        storage.open("nowhere.txt")
    with pytest.raises(errors.BucketNotFound):
        MinioBackend("not-made-yet").open("a.txt")
    with pytest.raises(errors.InvalidCredentials):
        MinioBackend(MINIO_SECRET_KEY="wrong").exists("nowhere.txt")


def test_public_means_reading_by_name(options: dict[str, Any], fetch: Fetch) -> None:
    initialize()
    storage = MinioBackend(NAMES["public"])
    name = storage.save("a.txt", ContentFile(b"content"))
    assert fetch(storage.url(name)).data == b"content"
    assert fetch(f"{storage.options.endpoint.url}/{NAMES['public']}").status == 403
