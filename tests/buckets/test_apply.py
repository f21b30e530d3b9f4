from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError

from django_minio_backend import MinioBackend, errors
from django_minio_backend.buckets import policies
from django_minio_backend.buckets.apply import Outcome, apply_all, plan_all
from django_minio_backend.buckets.declarations import BucketDeclaration, merge_declarations
from django_minio_backend.buckets.plan import BucketState, plan_changes
from tests.buckets.conftest import HOOK, PUBLIC, PUBLIC_BUCKET, hook_for, initialize, rows
from tests.conftest import Buckets, Fetch
from tests.hostile import Answer, hostile, s3_error, storage_at
from tools.minio_server import Server


def test_initialize_buckets_makes_them_once(buckets: Buckets, fetch: Fetch) -> None:
    for name in (buckets.private, buckets.public):
        MinioBackend(name).client.remove_bucket(bucket_name=name)
    first, second = rows(initialize()), rows(initialize())
    assert first == {
        "BUCKET": ["DECLARED", "WAS", "NOW"],
        buckets.public: ["public", "missing", "created, policy set to public"],
        buckets.private: ["private", "missing", "created"],
    }
    assert second[buckets.public] == ["public", "as declared", "unchanged"]
    assert second[buckets.private] == ["private", "as declared", "unchanged"]
    storage = MinioBackend(buckets.public)
    storage.save("a.txt", ContentFile(b"x"))
    assert fetch(storage.url("a.txt")).status == 200
    assert fetch(f"{storage.options.endpoint.url}/{buckets.public}").status == 403


def test_initialize_buckets_corrects_drift(buckets: Buckets) -> None:
    MinioBackend(buckets.public).s3.bucket.set_policy(None)
    MinioBackend(buckets.private).set_bucket_to_public()
    done = rows(initialize())
    assert done[buckets.public] == ["public", "other policy", "policy set to public"]
    assert done[buckets.private] == ["private", "other policy", "anonymous access removed"]
    assert MinioBackend(buckets.private).s3.bucket.read_policy() is None


def test_policy_hooks_are_applied_once(buckets: Buckets) -> None:
    buckets.change(MINIO_POLICY_HOOKS=[(buckets.private, hook_for(buckets.private))])
    first, second = rows(initialize()), rows(initialize())
    assert first[buckets.private] == ["private + hook", "other policy", "policy set by hook"]
    assert second[buckets.private] == ["private + hook", "as declared", "unchanged"]
    assert policies.is_same(MinioBackend().s3.bucket.read_policy(), hook_for(buckets.private))


HOOKS = [("some-bucket", HOOK)]


def test_check_bucket_existence_creates_with_the_declared_policy(buckets: Buckets) -> None:
    storage = MinioBackend(buckets.public)
    storage.client.remove_bucket(bucket_name=buckets.public)
    storage.check_bucket_existence()
    assert policies.is_same(
        storage.s3.bucket.read_policy(), policies.allow_public_read(buckets.public)
    )


def test_private_access_keeps_what_is_not_for_everybody() -> None:
    named = {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::1:root"]}, "Action": "s3:*"}
    both = {"Version": "2012-10-17", "Statement": [named, *PUBLIC["Statement"]]}
    (change,) = plan_changes(BucketDeclaration("b"), BucketState(True, both))
    assert change.after == {"Version": "2012-10-17", "Statement": [named]}
    deny = {"Statement": [{**PUBLIC["Statement"][0], "Effect": "Deny"}]}
    assert not policies.is_same(PUBLIC, deny)


def test_what_the_server_refuses_is_told_and_the_rest_is_done(buckets: Buckets) -> None:
    declared = {"tags": {"a": "b"}, "object_lock": True, "versioning": True}
    buckets.change(MINIO_BUCKETS={buckets.private: declared})
    err = StringIO()
    with pytest.raises(CommandError, match=r"1 bucket\(s\) could not"):
        initialize(stderr=err)
    # A lock can be given to a new bucket only.
    assert f"default: {buckets.private}: object_lock: " in err.getvalue()
    assert MinioBackend().client.get_bucket_tags(bucket_name=buckets.private)


def test_what_the_server_leaves_out_is_told(buckets: Buckets) -> None:
    # MinIO takes both and keeps the first.
    rule = {"Expiration": {"Days": 7}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
    buckets.change(MINIO_BUCKETS={buckets.private: {"lifecycle": [rule]}})
    err = StringIO()
    with pytest.raises(CommandError):
        initialize(stderr=err)
    assert "does not implement this" in err.getvalue()
    assert "it kept" in err.getvalue()


def test_nothing_is_changed_when_a_hook_is_wrong(drifted: Buckets) -> None:
    hook = hook_for("nowhere-at-all")
    drifted.change(MINIO_POLICY_HOOKS=[("nowhere-at-all", hook)])
    with pytest.raises(CommandError, match="'nowhere-at-all', which is neither declared"):
        initialize()
    drifted.change(MINIO_POLICY_HOOKS=[(drifted.private, {"Statement": []})])
    with pytest.raises(CommandError, match="a policy that has no list of statements"):
        initialize()
    assert not MinioBackend(drifted.private).s3.bucket.exists()


def test_somebody_elses_bucket_is_told(
    buckets: Buckets, restricted: Callable[..., dict[str, str]]
) -> None:
    see = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::*/*"}
    buckets.options.update(restricted([see]))
    err = StringIO()
    with pytest.raises(CommandError, match=r"2 bucket\(s\) could not be initialised"):
        initialize(stderr=err)
    assert err.getvalue().count("The credentials do not allow this") == 2
    taken = s3_error(409, "BucketAlreadyExists")
    with hostile(s3_error(404, "NoSuchBucket"), taken) as server:
        with pytest.raises(errors.BucketTaken, match="belongs to somebody else"):
            storage_at(server.endpoint).check_bucket_existence()


def test_a_server_without_policies_serves_private_buckets_only() -> None:
    there, none = Answer(200, headers={"x-amz-request-id": "1"}), s3_error(501, "NotImplemented")
    with hostile(there, none) as server:
        storage = storage_at(server.endpoint)
        targets = [(storage.s3, BucketDeclaration("some-bucket"))]
        (planned,) = plan_all(targets)
    assert (planned.changes, planned.error) == ((), "")
    assert planned.note == "the server has no bucket policies"
    with hostile(there, none) as server:
        storage = storage_at(server.endpoint)
        (planned,) = plan_all([(storage.s3, BucketDeclaration("some-bucket", PUBLIC_BUCKET.areas))])
    assert "does not implement" in planned.error
    assert planned.was == "unknown"


CORS = [{"AllowedOrigins": ["https://www.example.com"], "AllowedMethods": ["PUT", "GET"]}]


def apply_settings(server: Server, bucket: str, **settings: object) -> Outcome:
    storage = MinioBackend(
        **server.options,
        MINIO_DEFAULT_BUCKET=bucket,
        MINIO_PRIVATE_BUCKETS=[bucket],
        MINIO_BUCKETS={bucket: settings},
    )
    targets = merge_declarations([(storage.s3, storage.options)])
    [outcome] = apply_all(plan_all(targets))
    return outcome


def test_cors_rules_are_set_once_where_a_bucket_can_have_them(
    other_server: Server, buckets: Buckets
) -> None:
    apply_settings(other_server, buckets.private)
    assert apply_settings(other_server, buckets.private, cors=CORS).now == "cors set"
    assert apply_settings(other_server, buckets.private, cors=CORS).now == "unchanged"
    assert apply_settings(other_server, buckets.private, cors=[]).now == "cors set"
    assert apply_settings(other_server, buckets.private, cors=[]).now == "unchanged"


def test_minio_says_that_it_has_no_cors_rules(server: Server, buckets: Buckets) -> None:
    outcome = apply_settings(server, buckets.private, cors=CORS)
    assert "does not implement this operation" in outcome.error
