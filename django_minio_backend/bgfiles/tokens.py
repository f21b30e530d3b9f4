"""Signed tokens: their content, and the settings that they are made with."""

from __future__ import annotations

import json
from typing import Any, Protocol

from django.core import signing
from django.core.serializers.json import DjangoJSONEncoder

from django_minio_backend.bgfiles import conf


class JSONSerializer:
    """JSON that takes UUIDs and dates as well."""

    def dumps(self, obj: Any) -> bytes:
        return json.dumps(obj, separators=(",", ":"), cls=DjangoJSONEncoder).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


class TokenSigner(Protocol):
    """The methods that a signer of your own needs."""

    #: The seconds that tokens live; None means for ever.
    max_age: int | None

    def dump(self, data: dict[str, Any]) -> str: ...

    def load(self, token: str) -> Any: ...


class Signer:
    """Sign with Django's signing, which compares in constant time.

    Without `key` it signs with SECRET_KEY, and accepts tokens of SECRET_KEY_FALLBACKS too.
    """

    def __init__(
        self,
        key: str | None = None,
        salt: str = conf.DEFAULT_SALT,
        serializer: Any = JSONSerializer,
        max_age: int | None = None,
    ) -> None:
        self.key, self.salt = key, salt
        self.serializer, self.max_age = serializer, max_age

    def dump(self, data: dict[str, Any]) -> str:
        return signing.dumps(data, key=self.key, salt=self.salt, serializer=self.serializer)

    def load(self, token: str) -> Any:
        """Return a token's content. Raises BadSignature, or its subclass SignatureExpired."""
        return signing.loads(
            token,
            key=self.key,
            salt=self.salt,
            serializer=self.serializer,
            max_age=self.max_age,
            # Django's fallbacks belong to SECRET_KEY, not to another key.
            fallback_keys=None if self.key is None else [],
        )


def make_default_signer() -> TokenSigner:
    """Return BGFILES_DEFAULT_SIGNER, or one that the other settings describe."""
    signer: TokenSigner | None = conf.get_signer()
    return signer or Signer(
        conf.get_key(), conf.get_salt(), conf.get_serializer(), conf.get_max_age()
    )
