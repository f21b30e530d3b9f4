from __future__ import annotations

import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from django_minio_backend import MinioBackend
from django_minio_backend.buckets import policies
from django_minio_backend.buckets.declarations import Area, BucketDeclaration
from tests.conftest import Buckets

PUBLIC = policies.allow_public_read("b")
HOOK = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": ["*"]},
            "Action": ["s3:GetObject"],
            "Resource": ["arn:aws:s3:::BUCKET/open/*"],
        }
    ],
}
PUBLIC_BUCKET = BucketDeclaration("b", (Area("", "public", "media"),))


def hook_for(bucket: str) -> dict[str, Any]:
    statement = {**HOOK["Statement"][0], "Resource": [f"arn:aws:s3:::{bucket}/open/*"]}  # type: ignore[dict-item]
    return {**HOOK, "Statement": [statement]}


def initialize(**options: Any) -> str:
    out = StringIO()
    call_command("initialize_buckets", stdout=out, **options)
    return out.getvalue()


def rows(printed: str) -> dict[str, list[str]]:
    """Return the table's rows by their bucket."""
    cells = [re.split(r"  +", line) for line in printed.splitlines() if "  " in line]
    return {row[1]: row[2:] for row in cells}


@pytest.fixture
def drifted(buckets: Buckets) -> Buckets:
    MinioBackend(buckets.public).s3.bucket.set_policy(None)
    MinioBackend(buckets.private).client.remove_bucket(bucket_name=buckets.private)
    return buckets
