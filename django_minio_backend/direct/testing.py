"""Receipts for the tests of projects, without a browser."""

from __future__ import annotations

from typing import Any

from django.core.files.base import ContentFile

from django_minio_backend.direct.files import DirectUpload


def make_receipt(
    field: Any, name: str, content: bytes, *, user: Any = None, content_type: str = ""
) -> str:
    """Upload `content` for a DirectFileField or DirectFileFormField, and return its receipt.

    A form takes it as `<name of the field>-receipt`. `user` is whom the client logs in.
    """
    file: Any = ContentFile(content)
    file.content_type = content_type
    key = "" if user is None else str(user.pk)
    return DirectUpload.store(field.target, name, file, key).token
