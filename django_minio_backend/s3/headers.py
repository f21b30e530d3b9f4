"""The head of an HTTP/1.1 response: its status and its header fields, read from bytes.

The standard library reads header fields with its parser for e-mails, which takes more time than
all else that a small request does.

https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

_STATUS_LINE = re.compile(r"HTTP/1\.(\d) ([1-9]\d\d)(?: [^\r\n]*)?\r?\n")
_FIELD = re.compile(r"^([!#$%&'*+.^`|~\w-]+):([^\r\n]*)\r?$", re.ASCII | re.MULTILINE)
# A line that begins with a blank belongs to the line before it.
_FOLD = re.compile(r"\r?\n[ \t]+")


class Headers(Mapping[str, str]):
    """Header fields. The case of names does not matter. Equal names are one field, with commas."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[tuple[str, str]]) -> None:
        self._fields: dict[str, tuple[str, str]] = {}
        for name, value in fields:
            key, text = name.lower(), value.strip()
            if key in self._fields:
                text = f"{self._fields[key][1]}, {text}"
            self._fields[key] = (name, text)

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()][1]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._fields.values()])

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"Headers({dict(self)!r})"


def read_head(head: bytes) -> tuple[int, int, Headers]:
    """Return the minor version of HTTP, the status and the headers.

    `head` ends with the line break of the last field. Raises ValueError if it is not HTTP/1.
    """
    text = head.decode("latin-1")
    line = _STATUS_LINE.match(text)
    if line is None:
        raise ValueError(f"this is no HTTP: {text[:60]!r}")
    fields = _FIELD.findall(text, line.end())
    if len(fields) != text.count("\n", line.end()):
        text = text[: line.end()] + _FOLD.sub(" ", text[line.end() :])
        fields = _FIELD.findall(text, line.end())
        if len(fields) != text.count("\n", line.end()):
            raise ValueError(f"a header line is malformed: {text[line.end() :][:200]!r}")
    return int(line[1]), int(line[2]), Headers(fields)
