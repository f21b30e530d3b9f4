from __future__ import annotations

from typing import Any

from django_minio_backend import MinioBackend
from django_minio_backend.config import bucket_settings
from tests.buckets.conftest import initialize, rows
from tests.conftest import Buckets

SETTINGS: dict[str, Any] = {
    "versioning": True,
    "tags": {"team": "web", "cost": "1"},
    "lifecycle": [
        {"ID": "old", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 7}},
        {"NoncurrentVersionExpiration": {"NoncurrentDays": 30}},
    ],
}


def test_settings_of_a_bucket_are_applied_when_given_and_left_alone_when_not(
    buckets: Buckets,
) -> None:
    buckets.change(MINIO_BUCKETS={buckets.private: SETTINGS})
    first = rows(initialize())[buckets.private]
    assert first[2] == "versioning set, tags set, lifecycle set"
    assert rows(initialize())[buckets.private][2] == "unchanged"
    client = MinioBackend(buckets.private).client
    assert client.get_bucket_versioning(bucket_name=buckets.private).status == "Enabled"
    assert dict(client.get_bucket_tags(bucket_name=buckets.private) or {}) == SETTINGS["tags"]
    rules = client.get_bucket_lifecycle(bucket_name=buckets.private).rules  # type: ignore[union-attr]
    assert [rule.rule_id for rule in rules] == ["old", "rule-2"]
    buckets.change(MINIO_BUCKETS=None)
    assert rows(initialize())[buckets.private][2] == "unchanged"
    assert client.get_bucket_tags(bucket_name=buckets.private)


def test_a_check_comes_to_rest_whatever_the_server_writes_back(buckets: Buckets) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": ["*"]},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{buckets.private}/open/*",
        "Condition": {
            "IpAddress": {"aws:SourceIp": ["192.168.0.1", "10.0.0.7/8"]},
            "Bool": {"aws:SecureTransport": True},
            "DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00.000Z"},
        },
    }
    hook = {"Version": "2012-10-17", "Statement": [statement, statement]}
    rules = [
        {"Filter": {"Prefix": "a/"}, "Expiration": [{"Days": "30"}]},
        {"Filter": {"Prefix": "b/"}, "Expiration": {"Date": "2030-01-01T00:00:00.000Z"}},
    ]
    buckets.change(
        MINIO_POLICY_HOOKS=[(buckets.private, hook)],
        MINIO_BUCKETS={buckets.private: {"lifecycle": rules, "versioning": False}},
    )
    initialize()
    assert rows(initialize(check=True))[buckets.private][1] == "as declared"


def test_settings_that_are_declared_empty_are_taken_away(buckets: Buckets) -> None:
    for settings in (SETTINGS, {"versioning": False, "tags": {}, "lifecycle": []}):
        buckets.change(MINIO_BUCKETS={buckets.private: settings})
        assert "set" in rows(initialize())[buckets.private][2]
    assert rows(initialize())[buckets.private][2] == "unchanged"
    assert not MinioBackend().client.get_bucket_tags(bucket_name=buckets.private)


def test_a_lock_is_given_when_the_bucket_is_made(buckets: Buckets) -> None:
    client = MinioBackend().client
    client.remove_bucket(bucket_name=buckets.private)
    lock = {"mode": "GOVERNANCE", "days": 2}
    buckets.change(MINIO_BUCKETS={buckets.private: {"object_lock": lock}})
    assert rows(initialize())[buckets.private][2] == "created, object_lock set"
    found = bucket_settings.KINDS["object_lock"].read(
        MinioBackend().s3.bucket.read_configuration("object-lock", "ObjectLockConfiguration")
    )
    assert found["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": "2"}
    buckets.change(MINIO_BUCKETS={buckets.private: {"object_lock": True}})
    assert rows(initialize())[buckets.private][2] == "unchanged"
