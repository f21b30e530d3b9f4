from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend
from django_minio_backend.errors import ConfigurationError
from tests.conftest import Buckets, Recorder
from tools.minio_server import Server


def test_a_storage_that_cannot_be_made_has_a_repr(settings: Any) -> None:
    class Skipping(MinioBackend):
        def __init__(self) -> None:
            pass

    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": "x", "OPTIONS": {}}}
    assert "must be set" in repr(Skipping())


def test_a_pickle_holds_no_secret_and_comes_back_whole(buckets: Buckets, server: Server) -> None:
    storage = MinioBackend(buckets.public, MINIO_LOCATION="below", metadata={"a": "b"})
    pickled = pickle.dumps(storage)
    for secret in (server.secret_key, server.access_key):
        assert secret.encode() not in pickled
    back = pickle.loads(pickled)
    assert back.options == storage.options
    back.save("a.txt", ContentFile(b"x"))
    assert storage.exists("a.txt")


def test_secrets_given_as_keywords_are_not_pickled_either(buckets: Buckets) -> None:
    own = {"MINIO_ENDPOINT": "own.example.com", "MINIO_SECRET_KEY": "keyword-secret"}
    alone = MinioBackend(**{**buckets.options, **own})
    pickled = pickle.dumps(alone)
    assert b"keyword-secret" not in pickled
    with pytest.raises(ConfigurationError, match="pickled without its keyword MINIO_SECRET_KEY"):
        pickle.loads(pickled)


def test_live_objects_refuse_to_be_pickled(buckets: Buckets, recorder: Recorder) -> None:
    with pytest.raises(pickle.PicklingError, match="its keyword http_client is a live object"):
        pickle.dumps(MinioBackend(http_client=recorder))


def test_copies_share_what_the_storage_has(storage: MinioBackend) -> None:
    twin = copy.deepcopy(storage)
    assert twin is not storage
    assert twin.options is storage.options
    assert copy.copy(storage).bucket == storage.bucket


class OwnStorage(MinioBackend):
    """A storage class of a project's own, as many have written for version 4."""

    def __init__(self) -> None:
        super().__init__(bucket_name="own-bucket", storage_name="default")


def test_a_subclass_with_its_own_constructor_pickles_and_deconstructs(buckets: Buckets) -> None:
    own = OwnStorage()
    assert own.deconstruct() == (f"{__name__}.OwnStorage", [], {})
    assert pickle.loads(pickle.dumps(own)).bucket == "own-bucket"


def test_a_subclass_may_have_a_bucket_name_of_its_own(buckets: Buckets) -> None:
    class Named(MinioBackend):
        def __init__(self) -> None:
            self.bucket_name = buckets.public
            super().__init__(bucket_name=self.bucket_name)

    assert MinioBackend().bucket_name == buckets.private
    assert Named().bucket == Named().bucket_name == buckets.public
