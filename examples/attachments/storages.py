"""Storages as callables: migrations then hold a reference, and never an address or a key."""

from __future__ import annotations

from django.conf import settings

from django_minio_backend import MinioBackend


def get_private_storage() -> MinioBackend:
    return MinioBackend(bucket_name=declared("MINIO_PRIVATE_BUCKETS"), storage_name="default")


def get_public_storage() -> MinioBackend:
    return MinioBackend(bucket_name=declared("MINIO_PUBLIC_BUCKETS"), storage_name="default")


def declared(option: str) -> str:
    """Return the bucket that the settings declare, so that its name stands in one place."""
    bucket: str = settings.STORAGES["default"]["OPTIONS"][option][0]
    return bucket
