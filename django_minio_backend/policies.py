"""Bucket policies as plain documents: pure functions, no requests.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Policy = Mapping[str, Any]

VERSION = "2012-10-17"


def public_read(bucket: str) -> dict[str, Any]:
    """Return the policy of a public bucket: whoever knows an object's name may read it.

    Nobody may list, write or delete without credentials.
    """
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": ["*"]},
                "Action": ["s3:GetObject"],
                "Resource": [f"arn:aws:s3:::{bucket}/*"],
            }
        ],
    }


def fault(policy: Any) -> str:
    """Return what is wrong with a policy's form, "" when nothing is.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
    """
    if not isinstance(policy, Mapping):
        return f"is no policy but {type(policy).__name__}"
    statements = _as_list(policy.get("Statement"))
    if not statements or not all(isinstance(one, Mapping) for one in statements):
        return "has no list of statements under 'Statement'"
    for statement in statements:
        if statement.get("Effect") not in {"Allow", "Deny"}:
            return "has a statement whose 'Effect' is neither 'Allow' nor 'Deny'"
        for name in ("Principal", "Action", "Resource"):
            if not statement.get(name) and not statement.get(f"Not{name}"):
                return f"has a statement without '{name}'"
    return ""


def canonical(policy: Policy) -> list[dict[str, Any]]:
    """Return `policy` in a form that is equal for policies that mean the same.

    Servers write them back differently: lists of one as a string, "*" as {"AWS": "*"}, in
    another order, with or without an empty Sid.
    """
    statements = [_canonical_statement(s) for s in _as_list(policy.get("Statement", []))]
    return sorted(statements, key=lambda statement: json.dumps(statement, sort_keys=True))


def same(left: Policy | None, right: Policy | None) -> bool:
    """Say whether two policies (None: no policy) mean the same."""
    return canonical(left or {}) == canonical(right or {})


def grants_anonymous(policy: Policy | None) -> bool:
    """Say whether a policy allows anything to everybody."""
    return any(map(_is_anonymous, _as_list((policy or {}).get("Statement", []))))


def without_anonymous(policy: Policy | None) -> dict[str, Any] | None:
    """Return a policy without what it allows to everybody, None when nothing is left."""
    statements = _as_list((policy or {}).get("Statement", []))
    kept = [statement for statement in statements if not _is_anonymous(statement)]
    return {**(policy or {}), "Statement": kept} if kept else None


def _is_anonymous(statement: Policy) -> bool:
    # All but some are everybody too, whatever the conditions.
    principal = _canonical_principal(statement.get("Principal", {}))
    to_all = "*" in principal.get("AWS", ()) or "NotPrincipal" in statement
    return statement.get("Effect") == "Allow" and to_all


def _canonical_statement(statement: Policy) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in statement.items():
        if key in {"Action", "NotAction", "Resource", "NotResource"}:
            result[key] = sorted(set(_as_list(value)))
        elif key in {"Principal", "NotPrincipal"}:
            result[key] = _canonical_principal(value)
        elif key == "Condition":
            result[key] = {
                operator: {name: sorted(map(str, _as_list(v))) for name, v in keys.items()}
                for operator, keys in value.items()
            }
        elif key != "Sid" and value:
            result[key] = value
    return result


def _canonical_principal(value: Any) -> dict[str, list[str]]:
    if not isinstance(value, Mapping):
        value = {"AWS": value}
    return {kind: sorted(set(_as_list(names))) for kind, names in value.items()}


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
