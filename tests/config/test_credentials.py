from __future__ import annotations

from typing import Any

import pytest
from django.core.files.base import ContentFile
from minio.credentials import StaticProvider

from django_minio_backend import MinioBackend
from django_minio_backend.config.credentials import choose_credentials
from django_minio_backend.config.options import Options
from django_minio_backend.errors import (
    ConfigurationError,
    InvalidCredentials,
)
from django_minio_backend.s3.signing import Credentials
from tests.config.conftest import GOOD, declare
from tests.conftest import Buckets
from tools.minio_server import Server


def test_credentials_from_a_provider_reach_the_server(buckets: Buckets, server: Server) -> None:
    provider = StaticProvider(server.access_key, server.secret_key)
    storage = MinioBackend(MINIO_CREDENTIALS=provider, MINIO_SECRET_KEY="ignored")
    storage.save("a.txt", ContentFile(b"x"))
    assert storage.client.bucket_exists(bucket_name=storage.bucket)


def a_provider() -> StaticProvider:
    return StaticProvider("key", "secret", "token")


@pytest.mark.parametrize(
    "given",
    [a_provider(), a_provider, "tests.config.test_credentials.a_provider"],
    ids=["provider", "callable", "dotted path"],
)
def test_credentials_may_come_from_a_provider(given: object) -> None:
    without = {k: v for k, v in GOOD.items() if k not in {"MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"}}
    options = Options.parse("media", {**without, "MINIO_CREDENTIALS": given})
    assert choose_credentials(options)() == Credentials("key", "secret", "token")


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
        choose_credentials(options)()
    assert "secret-token" not in str(e.value)


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
    assert choose_credentials(options)().access_key == "made"


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
        choose_credentials(options)()
