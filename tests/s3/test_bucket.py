from __future__ import annotations

from typing import Any

import pytest

from django_minio_backend import MinioBackend, errors
from tests.conftest import Buckets
from tests.hostile import Answer, hostile, listing, s3_error, storage_at


@pytest.mark.parametrize("policy", ["public", [], None, 7])
def test_a_policy_that_is_no_object_is_a_settings_mistake(
    storage: MinioBackend, policy: Any
) -> None:
    with pytest.raises(errors.ConfigurationError, match="a policy must be a mapping, not"):
        storage.set_bucket_policy(storage.bucket, policy)


def test_a_policy_that_the_server_does_not_keep_is_told(buckets: Buckets) -> None:
    from io import StringIO

    from django.core.management import CommandError, call_command

    there, taken = Answer(200, headers={"x-amz-request-id": "1"}), Answer(204)
    none = s3_error(404, "NoSuchBucketPolicy")
    asked_for_health = listing(), Answer(200)
    with hostile(*asked_for_health, there, none, taken, none) as server:
        buckets.change(MINIO_ENDPOINT=server.endpoint, MINIO_PRIVATE_BUCKETS=[buckets.private])
        err = StringIO()
        with pytest.raises(CommandError):
            call_command("initialize_buckets", bucket=buckets.public, stderr=err)
    assert "it kept null" in err.getvalue()


def test_a_bare_404_for_the_bucket_is_asked_for_its_reason() -> None:
    with hostile(Answer(404), s3_error(404, "XAdminUserNotFound")) as server:
        with pytest.raises(errors.InvalidCredentials):
            storage_at(server.endpoint).s3.bucket.exists()
    with hostile(Answer(404), s3_error(404, "NoSuchBucket")) as server:
        assert not storage_at(server.endpoint).s3.bucket.exists()


def test_a_bucket_of_somebody_elses_is_not_taken_for_ours() -> None:
    with hostile(s3_error(409, "BucketAlreadyOwnedByYou")) as server:
        storage_at(server.endpoint).s3.bucket.create()
    with (
        hostile(s3_error(409, "BucketAlreadyExists")) as server,
        pytest.raises(errors.StorageError, match="BucketAlreadyExists"),
    ):
        storage_at(server.endpoint).s3.bucket.create()


def test_a_bucket_is_made_in_the_configured_region(buckets: Buckets) -> None:
    with hostile(Answer(200, headers={"x-amz-request-id": "1"})) as server:
        storage_at(server.endpoint, MINIO_REGION="eu-north-1").s3.bucket.create()
        assert server.bodies == [
            b'<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            b"<LocationConstraint>eu-north-1</LocationConstraint></CreateBucketConfiguration>"
        ]


def test_a_server_without_headers_of_s3_is_asked_whether_it_is_one() -> None:
    """Garage confirms a new bucket, and rules of a bucket, with a bare 200."""
    with hostile(Answer(200), listing()) as server:
        storage_at(server.endpoint).s3.bucket.create()
        server.answers[:] = [Answer(200), listing()]
        storage_at(server.endpoint).s3.bucket.configure("lifecycle", b"<a/>")
    with hostile(Answer(200, "<html></html>")) as server, pytest.raises(errors.UnexpectedAnswer):
        storage_at(server.endpoint).s3.bucket.create()
