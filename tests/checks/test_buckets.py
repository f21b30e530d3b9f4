from __future__ import annotations

from typing import Any

from tests.checks.conftest import FINE, MINIO, declare, found


def test_a_bucket_private_here_and_public_there_is_an_error(settings: Any) -> None:
    declare(settings, FINE)
    public = {**FINE, "MINIO_PUBLIC_BUCKETS": ["media-files"]}
    settings.STORAGES["second"] = {"BACKEND": MINIO, "OPTIONS": public}
    assert "public by storage 'second' and private by storage 'default'" in found()["E006"]
