"""A serializer field for uploads, for Django REST framework (the extra `rest`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import serializers

from django_minio_backend.direct.forms import DirectFileFormField, PostedReceipts
from django_minio_backend.direct.targets import Target


class DirectFileSerializerField(serializers.FileField):  # type: ignore[misc]
    """Takes a receipt, or a file that was posted. `target` is that of a DirectFileField.

    The other arguments are those of DirectFileFormField.
    """

    def __init__(
        self,
        *,
        storage: str = "default",
        max_size: int | None = None,
        content_types: Sequence[str] = (),
        target: Target | None = None,
        **keywords: Any,
    ) -> None:
        self.target = target or Target("", storage, max_size, tuple(content_types))
        super().__init__(**keywords)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str):
            data = PostedReceipts([data])
        else:
            super().to_internal_value(data)
        try:
            return DirectFileFormField(target=self.target).clean(data)
        except ValidationError as error:
            raise serializers.ValidationError(error.messages) from error
