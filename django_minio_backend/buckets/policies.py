"""Bucket policies as plain documents: pure functions, no requests.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from django_minio_backend.config.bucket_settings import normalise_date

Policy = Mapping[str, Any]

VERSION = "2012-10-17"


def allow_public_read(bucket: str, prefixes: Iterable[str] = ("",)) -> dict[str, Any]:
    """Return the policy that makes a bucket, or some prefixes of it, public.

    Anybody who knows an object's name may read it. Nobody may list, write or delete without
    credentials.
    """
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": ["*"]},
                "Action": ["s3:GetObject"],
                "Resource": [f"arn:aws:s3:::{bucket}/{prefix}*" for prefix in prefixes],
            }
        ],
    }


def find_fault(policy: Any) -> str:
    """Return the fault of a policy's form, "" if it has none.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
    """
    if not isinstance(policy, Mapping):
        return f"is no policy but {type(policy).__name__}"
    statements = _as_list(policy.get("Statement"))
    if not statements or not all(isinstance(statement, Mapping) for statement in statements):
        return "has no list of statements under 'Statement'"
    for statement in statements:
        if statement.get("Effect") not in {"Allow", "Deny"}:
            return "has a statement whose 'Effect' is neither 'Allow' nor 'Deny'"
        for name in ("Principal", "Action", "Resource"):
            if not statement.get(name) and not statement.get(f"Not{name}"):
                return f"has a statement without '{name}'"
    return ""


def normalise(policy: Policy) -> list[dict[str, Any]]:
    """Return `policy` in a form that is equal for policies with the same meaning.

    Servers return policies differently: a list of one as a string, "*" as {"AWS": "*"}, in another
    order, with or without an empty Sid.
    """
    statements = [_normalise_statement(s) for s in _as_list(policy.get("Statement", []))]
    # A repeated statement changes nothing.
    written = {json.dumps(statement, sort_keys=True): statement for statement in statements}
    return [written[text] for text in sorted(written)]


def is_same(policy: Policy | None, other: Policy | None) -> bool:
    """Return True if two policies (None: no policy) have the same meaning."""
    return normalise(policy or {}) == normalise(other or {})


def grants_anonymous(policy: Policy | None) -> bool:
    """Return True if a policy allows anything to everybody."""
    return any(map(_is_anonymous, _as_list((policy or {}).get("Statement", []))))


def drop_anonymous(policy: Policy | None) -> dict[str, Any] | None:
    """Return a policy without its grants to everybody, None if nothing is left."""
    statements = _as_list((policy or {}).get("Statement", []))
    rest = [statement for statement in statements if not _is_anonymous(statement)]
    return {**(policy or {}), "Statement": rest} if rest else None


def _is_anonymous(statement: Policy) -> bool:
    # Everybody with some exceptions is still everybody, whatever the conditions.
    principal = _normalise_principal(statement.get("Principal", {}))
    to_all = "*" in principal.get("AWS", ()) or "NotPrincipal" in statement
    return statement.get("Effect") == "Allow" and to_all


def _normalise_statement(statement: Policy) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in statement.items():
        if key in {"Action", "NotAction", "Resource", "NotResource"}:
            result[key] = sorted(set(_as_list(value)))
        elif key in {"Principal", "NotPrincipal"}:
            result[key] = _normalise_principal(value)
        elif key == "Condition":
            result[key] = {
                operator: {
                    name: sorted({_normalise_value(operator, value) for value in _as_list(values)})
                    for name, values in keys.items()
                }
                for operator, keys in value.items()
            }
        elif key != "Sid" and value:
            result[key] = value
    return result


def _normalise_value(operator: str, value: Any) -> str:
    """Return a condition's value as text. A server may write the same value differently."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    with suppress(ValueError):
        if "IpAddress" in operator:
            return str(ipaddress.ip_network(text, strict=False))
        if "Date" in operator:
            return str(normalise_date(text))
        if "Numeric" in operator:
            return f"{float(text):g}"
        if "Bool" in operator or "Null" in operator:
            return text.lower()
    return text


def _normalise_principal(value: Any) -> dict[str, list[str]]:
    if not isinstance(value, Mapping):
        value = {"AWS": value}
    return {kind: sorted(set(_as_list(names))) for kind, names in value.items()}


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
