from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend, errors
from django_minio_backend.s3.actions import name_action
from tests.conftest import Buckets
from tests.hostile import Answer, hostile, s3_error, storage_at

Restricted = Callable[[list[dict[str, Any]]], dict[str, str]]


@pytest.mark.parametrize(
    ("use", "action"),
    [
        (lambda s: s.save("a.txt", ContentFile(b"x")), "s3:PutObject"),
        (lambda s: s.delete("a.txt"), "s3:DeleteObject"),
        (lambda s: s.listdir(""), "s3:ListBucket"),
        (lambda s: s.set_bucket_to_public(), "s3:PutBucketPolicy"),
        (lambda s: s.open("there.txt"), "s3:GetObject"),
    ],
)
def test_what_is_denied_names_the_action_that_it_needs(
    buckets: Buckets, restricted: Restricted, use: Callable[[MinioBackend], object], action: str
) -> None:
    MinioBackend().save("there.txt", ContentFile(b"x"))
    rights = [{"Effect": "Allow", "Action": "s3:GetObjectTagging", "Resource": "arn:aws:s3:::*/*"}]
    limited = MinioBackend(replace_existing=True, **restricted(rights))
    with pytest.raises(errors.AccessDenied, match=f"It needs {action}"):
        use(limited)


def test_amazons_403_for_a_missing_object_names_the_right_to_list() -> None:
    refused = s3_error(403, "AccessDenied")
    with hostile(Answer(403), refused) as server:
        with pytest.raises(errors.AccessDenied, match="may not s3:ListBucket is told so of a miss"):
            storage_at(server.endpoint).exists("a.txt")


@pytest.mark.parametrize(
    ("method", "of_object", "query", "action"),
    [
        ("GET", True, "tagging=", "s3:GetObjectTagging"),
        ("POST", True, "uploads=", "s3:PutObject"),
        ("DELETE", True, "uploadId=1", "s3:AbortMultipartUpload"),
        ("GET", True, "uploadId=1", "s3:ListMultipartUploadParts"),
        ("POST", False, "delete=", "s3:DeleteObject"),
        ("PUT", False, "", "s3:CreateBucket"),
        ("DELETE", False, "policy=", "s3:DeleteBucketPolicy"),
        ("DELETE", False, "lifecycle=", "s3:PutLifecycleConfiguration"),
        ("GET", False, "versioning=", "s3:GetBucketVersioning"),
        ("GET", False, "uploads=&prefix=a", "s3:ListBucketMultipartUploads"),
        ("HEAD", False, "", "s3:ListBucket"),
    ],
)
def test_actions_are_those_of_the_requests(
    method: str, of_object: bool, query: str, action: str
) -> None:
    assert name_action(method, of_object, query) == action
