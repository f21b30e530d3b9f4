from __future__ import annotations

import pytest

from django_minio_backend import MinioBackend
from django_minio_backend.references import neighbours
from tests.conftest import Buckets


def test_the_private_storage_of_such_a_field_is_a_neighbour(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, private = MinioBackend(), MinioBackend(MINIO_LOCATION="private")

    class Field:
        def __init__(self) -> None:
            self.storage = storage
            self.storages = {"public": storage, "private": private}

    monkeypatch.setattr(neighbours, "list_file_fields", lambda: iter([(object, Field())]))
    assert "private/" in neighbours.list_foreign_prefixes(storage)
