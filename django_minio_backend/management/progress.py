"""Progress and questions at a terminal."""

from __future__ import annotations

import sys
import time

from django.core.management.base import CommandError, OutputWrapper

# The seconds between two updates of the line.
_INTERVAL = 0.2


class ProgressLine:
    """A line that is rewritten while work goes on. Without a terminal it writes nothing."""

    def __init__(self, stream: OutputWrapper, *, is_wanted: bool = True) -> None:
        self._stream = stream
        self._is_shown = is_wanted and stream.isatty()
        self._next = 0.0
        self._is_empty = True

    @property
    def is_due(self) -> bool:
        """True if a text would be shown now. Making one costs time."""
        return self._is_shown and time.monotonic() >= self._next

    def show(self, text: str) -> None:
        """Write the text over the last one, unless that was a moment ago."""
        if self.is_due:
            self._next = time.monotonic() + _INTERVAL
            self._write(text)

    def clear(self) -> None:
        """Remove the line, so that other output starts at its beginning."""
        if not self._is_empty:
            self._write("")

    def _write(self, text: str) -> None:
        self._is_empty = not text
        self._stream.write(f"\r{text}\x1b[K", lambda line: line, "" if text else "\r")
        self._stream.flush()


def confirm(question: str, *, unattended: bool) -> None:
    """Ask a person to type 'yes'. Raises CommandError for any other answer.

    Without a terminal nobody can answer. It counts as a yes if `unattended`, else it is an error.
    """
    if not sys.stdin.isatty():
        if not unattended:
            raise CommandError("There is no terminal to ask at: this needs --noinput.")
        return
    if input(f"{question} Type 'yes' to do so: ").strip().lower() != "yes":
        raise CommandError("Nothing was deleted.")
