"""Signed tokens: what is in them, and the settings that they are made with."""

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
    """What a signer of one's own has."""

    #: Seconds that tokens live; None for ever.
    max_age: int | None

    def dump(self, data: dict[str, Any]) -> str: ...

    def load(self, token: str) -> Any: ...


class Signer:
    """Sign with Django's signing, which compares in constant time.

    Without `key` it is SECRET_KEY, and tokens made with SECRET_KEY_FALLBACKS are taken too.
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
        """Return what is in a token. Raises BadSignature, or SignatureExpired, which is one too."""
        return signing.loads(
            token,
            key=self.key,
            salt=self.salt,
            serializer=self.serializer,
            max_age=self.max_age,
            # Django's fallbacks are SECRET_KEY's, not those of another key.
            fallback_keys=None if self.key is None else [],
        )


def default_signer() -> TokenSigner:
    """Return BGFILES_DEFAULT_SIGNER, or one that the other settings describe."""
    own: TokenSigner | None = conf.signer()
    return own or Signer(conf.key(), conf.salt(), conf.serializer(), conf.max_age())
