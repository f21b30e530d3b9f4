from __future__ import annotations

import pytest

from django_minio_backend.buckets.declarations import Area, BucketDeclaration
from django_minio_backend.buckets.plan import BucketState, Change, plan_changes
from django_minio_backend.errors import ConfigurationError
from tests.buckets.conftest import HOOK, PUBLIC, PUBLIC_BUCKET

PRIVATE = (Area("", "private", "media"),)


VERSIONED = BucketDeclaration("b", PRIVATE, settings={"versioning": "Enabled"})


@pytest.mark.parametrize(
    ("wanted", "actual", "actions"),
    [
        (BucketDeclaration("b"), BucketState(False), ["created"]),
        (BucketDeclaration("b"), BucketState(True), []),
        (BucketDeclaration("b"), BucketState(True, PUBLIC), ["anonymous access removed"]),
        (PUBLIC_BUCKET, BucketState(False), ["created", "policy set to public"]),
        (PUBLIC_BUCKET, BucketState(True, PUBLIC), []),
        (PUBLIC_BUCKET, BucketState(True), ["policy set to public"]),
        (BucketDeclaration("b", PRIVATE, HOOK), BucketState(True, PUBLIC), ["policy set by hook"]),
        (BucketDeclaration("b", PRIVATE, HOOK), BucketState(True, HOOK), []),
        (VERSIONED, BucketState(False), ["created", "versioning set"]),
        (VERSIONED, BucketState(True, None, {"versioning": "Suspended"}), ["versioning set"]),
        (VERSIONED, BucketState(True, None, {"versioning": "Enabled"}), []),
    ],
)
def test_the_plan_is_what_differs(
    wanted: BucketDeclaration, actual: BucketState, actions: list[str]
) -> None:
    assert [change.action for change in plan_changes(wanted, actual)] == actions


def test_a_private_bucket_keeps_a_policy_that_gives_nobody_anything() -> None:
    named = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::1:root"]}}]}
    assert plan_changes(BucketDeclaration("b"), BucketState(True, named)) == []


def test_removing_access_leaves_no_policy() -> None:
    assert plan_changes(BucketDeclaration("b"), BucketState(True, PUBLIC)) == [
        Change("anonymous access removed", "policy", PUBLIC, None)
    ]


def test_a_hook_for_a_bucket_that_is_nowhere_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="'b', which is neither declared nor on"):
        plan_changes(BucketDeclaration("b", hook=HOOK), BucketState(False))
