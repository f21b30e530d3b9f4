from __future__ import annotations

import pytest

from django_minio_backend import MinioBackend
from tests.conftest import Buckets, Recorder
from tests.sizes import PART


def unfinished_uploads(storage: MinioBackend) -> int:
    return storage.s3.transport.send("GET", query=[("uploads", "")]).data.count(b"<UploadId>")


@pytest.fixture
def parted(buckets: Buckets, recorder: Recorder) -> MinioBackend:
    return MinioBackend(http_client=recorder, replace_existing=True, MINIO_MULTIPART_PART_SIZE=PART)
