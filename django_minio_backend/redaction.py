"""Secrets stay out of tracebacks: also out of the variables of their frames."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any

# The frames of these modules hold the headers of a request as bytes.
_SENDERS = ("urllib3.", "http.client", "django_minio_backend.s3.http")


class Secret(str):
    """Text with a repr that hides it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def redact(values: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return a copy with a Secret in place of the text under each of these names."""
    return {
        name: Secret(value) if name in names and isinstance(value, str) else value
        for name, value in values.items()
    }


def strip_frames(error: BaseException) -> None:
    """Remove the frames that send requests from the tracebacks of an error and its causes."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop()
        if current is not None and id(current) not in seen:
            seen.add(id(current))
            current.__traceback__ = _drop_sending_frames(current.__traceback__)
            waiting += [current.__cause__, current.__context__]


def _drop_sending_frames(traceback: TracebackType | None) -> TracebackType | None:
    own_frames = []
    while traceback is not None:
        if not traceback.tb_frame.f_globals.get("__name__", "").startswith(_SENDERS):
            own_frames.append(traceback)
        traceback = traceback.tb_next
    result: TracebackType | None = None
    for frame in reversed(own_frames):
        result = TracebackType(result, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return result
