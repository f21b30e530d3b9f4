"""Signed texts that travel through the browser: the page's, an upload's and a receipt."""

from __future__ import annotations

import secrets
from typing import Any

from django.core import signing

from django_minio_backend.direct import conf

#: A page may send files to this field.
FIELD = "field"
#: An upload that has begun.
TICKET = "ticket"
#: An upload that was finished, for the form.
RECEIPT = "receipt"


def sign(kind: str, data: dict[str, Any]) -> str:
    return signing.dumps(data, salt=f"direct_uploads.{kind}", compress=True)


def load(kind: str, token: str) -> dict[str, Any]:
    """Return the data of a token. Raises BadSignature, or its subclass SignatureExpired."""
    data: dict[str, Any] = signing.loads(
        token, salt=f"direct_uploads.{kind}", max_age=conf.get_max_age()
    )
    return data


def make_id() -> str:
    """Return 22 characters that nobody can guess. They name one upload for ever."""
    return secrets.token_urlsafe(16)
