from __future__ import annotations

from django_minio_backend import MinioBackend
from tests.conftest import Buckets
from tools.minio_server import Server


def test_the_names_of_version_4_are_there(buckets: Buckets, server: Server) -> None:
    storage = MinioBackend()
    assert storage.bucket == buckets.private
    assert storage.options.endpoint.url == f"http://{server.endpoint}"
    assert storage.same_endpoints
    assert (storage.PRIVATE_BUCKETS, storage.PUBLIC_BUCKETS) == (
        [buckets.private],
        [buckets.public],
    )
    assert storage.HTTP_CLIENT is None
    assert MinioBackend.DEFAULT_MEDIA_FILES_BUCKET == "auto-generated-bucket-media-files"
    storage.validate_settings()
