# ruff: noqa: N999  (this file is loaded by its path, or read)
"""A policy hook: a bucket whose policy is neither "private" nor "public", but one of your own.

Copy what you need into your settings, and give it to the storage that declares the bucket:

    STORAGES = {
        "default": {
            "BACKEND": "django_minio_backend.models.MinioBackend",
            "OPTIONS": {
                # ...
                "MINIO_PRIVATE_BUCKETS": ["django-backend-dev-private"],
                "MINIO_POLICY_HOOKS": MINIO_POLICY_HOOKS,
            },
        },
    }

`manage.py initialize_buckets` then sets the policy, and sets it again whenever it differs.
"""

from __future__ import annotations

from typing import Any


def public_below(bucket: str, prefix: str) -> dict[str, Any]:
    """Return a policy that lets everybody read what is below `prefix`, and nothing else."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": ["*"]},
                "Action": ["s3:GetObject"],
                "Resource": [f"arn:aws:s3:::{bucket}/{prefix}/*"],
            },
        ],
    }


MINIO_POLICY_HOOKS: list[tuple[str, dict[str, Any]]] = [
    ("django-backend-dev-private", public_below("django-backend-dev-private", "press")),
]
