"""The registry of handlers by file type."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from django.core.signing import BadSignature, SignatureExpired

from django_minio_backend.bgfiles.models import FileRequest
from django_minio_backend.bgfiles.patterns.full import FullPattern
from django_minio_backend.bgfiles.tokens import TokenSigner


class Handler(Protocol):
    """A FullPattern, or any class with this method."""

    def handle(self, file_request: FileRequest) -> object: ...


#: By file type.
handlers: dict[str, Handler | type[FullPattern]] = {}


def register(handler_class: Handler | type[FullPattern], file_types: Iterable[str]) -> None:
    """Let a class make the files of these types. The last registration of a type counts."""
    for file_type in file_types:
        handlers[file_type] = handler_class


def find_signer(token: str) -> TokenSigner | None:
    """Return the signer of the registered pattern that made a token, None for the default one."""
    for handler in handlers.values():
        if isinstance(handler, type) and issubclass(handler, FullPattern):
            if (signer := handler().get_signer()) is None:
                continue
            try:
                signer.load(token)
            except SignatureExpired:
                return signer
            except BadSignature:
                continue
            return signer
    return None


def restore(file_request: FileRequest) -> FullPattern:
    """Return the pattern of a request, for its hooks, or a plain one if none is registered."""
    handler = handlers.get(file_request.file_type)
    if isinstance(handler, type) and issubclass(handler, FullPattern):
        return handler.restore(file_request)
    return FullPattern.restore(file_request)
