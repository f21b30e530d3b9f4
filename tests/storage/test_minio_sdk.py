from __future__ import annotations

from django_minio_backend import MinioBackend
from tests.conftest import Buckets


def test_client_and_client_external_are_the_sdks(buckets: Buckets) -> None:
    storage = MinioBackend(MINIO_EXTERNAL_ENDPOINT="files.example.com/minio")
    assert storage.client.bucket_exists(bucket_name=storage.bucket)
    link = storage.client_external.presigned_get_object(bucket_name=storage.bucket, object_name="x")
    assert link.startswith(f"http://files.example.com/{storage.bucket}/x?")
    assert storage.base_url_external == "http://files.example.com/minio"
    assert not storage.same_endpoints
