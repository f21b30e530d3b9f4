"""Receipts for the tests of projects, without a browser."""

from __future__ import annotations

from typing import Any

from django.core.files.base import ContentFile

from django_minio_backend.direct import tokens
from django_minio_backend.direct.files import Receipt, make_pending_name
from django_minio_backend.direct.targets import Target
from django_minio_backend.direct.uploads import choose_type


def make_receipt(
    field: Any, name: str, content: bytes, *, user: Any = None, content_type: str = ""
) -> str:
    """Upload `content` for a DirectFileField or DirectFileFormField, and return its receipt.

    A form takes it as `<name of the field>-receipt`. `user` is whom the client logs in.
    """
    target: Target = field.target
    storage = target.find_storage()
    id = tokens.make_id()
    kind = choose_type(storage, name, content_type)
    file = ContentFile(content)
    file.content_type = kind  # type: ignore[attr-defined]
    pending = storage.save(make_pending_name(id), file)
    receipt = Receipt(
        id,
        "" if user is None else str(user.pk),
        target,
        name,
        len(content),
        kind,
        storage.stat(pending).etag,
    )
    return receipt.to_token()
