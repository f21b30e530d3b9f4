"""The policies of examples/policies as bucket policies of VersityGW: its users have none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError

from django_minio_backend import MinioBackend
from django_minio_backend.buckets.policies import allow_public_read, is_same
from django_minio_backend.errors import AccessDenied
from tests.conftest import Fetch, make_buckets
from tests.examples.test_policies import CASES, ONLY_AMAZON, Place, do_job, narrow, take_buckets
from tools import versitygw
from tools.minio_server import Server

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(
    other_server: Server,
    fetch: Fetch,
    tmp_path: Path,
    settings: Any,
    request: pytest.FixtureRequest,
) -> Place:
    """The buckets of a test, and the keys of a user without any rights."""
    buckets = make_buckets(other_server, settings, request)
    keys = versitygw.add_user(other_server, "user")
    return Place(buckets, keys, fetch, tmp_path / "static", settings)


def make_policy(place: Place, bucket: str, statements: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the policy of a bucket that gives these statements to the user of the test."""
    principal = {"AWS": [place.keys["MINIO_ACCESS_KEY"]]}
    own = [one for one in statements if bucket in one["Resource"][0]]
    statements = [{**statement, "Principal": principal} for statement in own]
    return {"Version": "2012-10-17", "Statement": statements}


def set_policy(bucket: str, policy: dict[str, Any]) -> None:
    MinioBackend(bucket).s3.bucket.set_policy(policy if policy["Statement"] else None)


@pytest.mark.parametrize(
    ("name", "lacking"),
    [case for case in [*CASES, *ONLY_AMAZON] if case[0] != "initialize_buckets"],
)
def test_a_policy_is_enough_and_no_action_is_too_much(
    name: str, lacking: str, place: Place
) -> None:
    for bucket in take_buckets(name, place.buckets):
        set_policy(bucket, make_policy(place, bucket, narrow(name, lacking, [bucket])))
    do_job(name, lacking, place)


def initialize(place: Place, bucket: str) -> None:
    place.use("default", place.keys)
    place.run("initialize_buckets", bucket=bucket, silenced=True)


@pytest.mark.parametrize(
    "lacking", ["", "s3:GetBucketPolicy", "s3:ListBucket", "s3:PutBucketPolicy"]
)
def test_the_user_of_a_policy_initializes_a_bucket_that_exists(lacking: str, place: Place) -> None:
    bucket = place.buckets.private
    policy = make_policy(place, bucket, narrow("initialize_buckets", lacking, [bucket]))
    own = [*policy["Statement"]]
    policy["Statement"] += allow_public_read(bucket)["Statement"]  # which must not be
    set_policy(bucket, policy)
    if lacking:
        with pytest.raises(CommandError):
            initialize(place, bucket)
    else:
        initialize(place, bucket)
        assert is_same(place.root.s3.bucket.read_policy(), {"Statement": own})


def test_a_bucket_that_does_not_exist_has_no_policy_that_allows_to_create_it(place: Place) -> None:
    place.root.s3.transport.send("DELETE")
    with pytest.raises(CommandError):
        initialize(place, place.root.bucket)


def test_a_user_who_may_create_buckets_needs_no_policy_for_private_ones(
    other_server: Server, place: Place
) -> None:
    bucket = place.root.bucket
    place.root.s3.transport.send("DELETE")
    place.keys = versitygw.add_user(other_server, "userplus")
    initialize(place, bucket)
    storage = MinioBackend(bucket, **place.keys)
    assert storage.exists(storage.save("a.txt", ContentFile(b"content")))


def test_a_public_bucket_locks_its_creator_out(other_server: Server, place: Place) -> None:
    """A bucket with a policy allows what the policy says, to its owner too."""
    bucket = place.buckets.public
    MinioBackend(bucket).s3.transport.send("DELETE")
    place.keys = versitygw.add_user(other_server, "userplus")
    with pytest.raises(CommandError):
        initialize(place, bucket)
    with pytest.raises(AccessDenied):
        MinioBackend(bucket, **place.keys).save("a.txt", ContentFile(b"content"))


def test_a_public_bucket_keeps_the_rights_of_users_only_if_a_hook_names_them(
    other_server: Server, place: Place
) -> None:
    bucket = place.buckets.public
    MinioBackend(bucket).s3.bucket.create()
    policy = make_policy(place, bucket, narrow("initialize_buckets", "s3:CreateBucket", [bucket]))
    set_policy(bucket, policy)
    policy["Statement"] += allow_public_read(bucket)["Statement"]
    place.buckets.change(MINIO_POLICY_HOOKS=[(bucket, policy)])
    initialize(place, bucket)
    initialize(place, bucket)
    place.buckets.change(MINIO_POLICY_HOOKS=None)
    with pytest.raises(CommandError):  # the command locks its own user out
        initialize(place, bucket)
    assert is_same(
        MinioBackend(bucket, **other_server.options).s3.bucket.read_policy(),
        allow_public_read(bucket),
    )
