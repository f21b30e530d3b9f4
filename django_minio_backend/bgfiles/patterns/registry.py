"""Which handler makes the files of which type."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from django_minio_backend.bgfiles.models import FileRequest
from django_minio_backend.bgfiles.patterns.full import FullPattern


class Handler(Protocol):
    """What is registered: a FullPattern, or any class with this method."""

    def handle(self, file_request: FileRequest) -> object: ...


#: By file type.
handlers: dict[str, Handler | type[FullPattern]] = {}


def register(handler_class: Handler | type[FullPattern], file_types: Iterable[str]) -> None:
    """Let a class make the files of these types; the last one that is registered does."""
    for file_type in file_types:
        handlers[file_type] = handler_class


def restore(file_request: FileRequest) -> FullPattern:
    """Return the pattern of a request, for its hooks; the plain one where there is none."""
    found = handlers.get(file_request.file_type)
    if isinstance(found, type) and issubclass(found, FullPattern):
        return found.restore(file_request)
    return FullPattern.restore(file_request)
