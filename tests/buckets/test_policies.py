from __future__ import annotations

from typing import Any

from django_minio_backend.buckets import policies

# As MinIO writes the public policy back.
WRITTEN_BACK = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": ["arn:aws:s3:::b/*"],
        }
    ],
}
LISTABLE = {
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["s3:ListBucket"]},
    ]
}


def test_policies_are_compared_by_meaning() -> None:
    assert policies.is_same(policies.allow_public_read("b"), WRITTEN_BACK)
    assert not policies.is_same(policies.allow_public_read("b"), policies.allow_public_read("c"))
    assert not policies.is_same(policies.allow_public_read("b"), None)
    assert policies.is_same(None, {"Statement": []})


def test_the_order_of_statements_and_actions_means_nothing() -> None:
    one = {"Statement": [{"Action": ["a", "b"]}, {"Action": "c"}]}
    other = {"Statement": [{"Action": ["c"]}, {"Action": ["b", "a"]}]}
    assert policies.is_same(one, other)


def test_a_condition_means_something() -> None:
    plain = {"Statement": [{"Effect": "Allow"}]}
    condition = {"StringLike": {"aws:Referer": "https://example.com/*"}}
    guarded = {"Statement": [{"Effect": "Allow", "Condition": condition}]}
    assert not policies.is_same(plain, guarded)
    assert policies.is_same(guarded, guarded)


def test_anonymous_access_is_recognised() -> None:
    assert policies.grants_anonymous(policies.allow_public_read("b"))
    assert policies.grants_anonymous(WRITTEN_BACK)
    assert policies.grants_anonymous(LISTABLE)
    assert not policies.grants_anonymous(None)
    deny = {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*"}]}
    assert not policies.grants_anonymous(deny)
    all_but = {"Effect": "Allow", "NotPrincipal": {"AWS": ["arn:aws:iam::1:root"]}}
    assert policies.grants_anonymous({"Statement": [all_but]})
    named = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::1:root"]}}]}
    assert not policies.grants_anonymous(named)


def test_taking_anonymous_access_away_leaves_the_rest() -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject"}
    policy = {"Version": "2012-10-17", "Statement": [deny, *LISTABLE["Statement"]]}
    assert policies.drop_anonymous(policy) == {"Version": "2012-10-17", "Statement": [deny]}
    assert policies.drop_anonymous(LISTABLE) is None
    assert policies.drop_anonymous(None) is None


def test_conditions_that_mean_the_same_are_the_same() -> None:
    def policy(condition: Any, times: int = 1) -> dict[str, Any]:
        statement = {"Effect": "Allow", "Action": ["s3:GetObject"], "Condition": condition}
        return {"Statement": [statement] * times}

    for one, other in (
        (
            {"IpAddress": {"aws:SourceIp": "192.168.0.1"}},
            {"IpAddress": {"aws:SourceIp": ["192.168.0.1/32"]}},
        ),
        ({"Bool": {"aws:SecureTransport": True}}, {"Bool": {"aws:SecureTransport": ["true"]}}),
        ({"NumericLessThan": {"s3:max-keys": 10}}, {"NumericLessThan": {"s3:max-keys": "10"}}),
        (
            {"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}},
            {"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00.000Z"}},
        ),
        ({"StringEquals": {"a": ["x", "x"]}}, {"StringEquals": {"a": "x"}}),
    ):
        assert policies.is_same(policy(one), policy(other, times=2))
    near = {"IpAddress": {"aws:SourceIp": "192.168.0.1/24"}}
    assert not policies.is_same(
        policy(near), policy({"IpAddress": {"aws:SourceIp": "192.168.0.1"}})
    )
