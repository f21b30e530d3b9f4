"""The outcomes of a transfer, counted, and the progress and the summary made of them."""

from __future__ import annotations

import datetime
import time
from collections import Counter

from django.template.defaultfilters import filesizeformat

from django_minio_backend.moving.transfer import DIFFERENCES, Outcome, Verdict

# The bytes that could be sent in the time that opening a file takes, for the estimate.
_COST_OF_OPENING = 64 * 2**10


class Tally:
    """The counted outcomes of some files."""

    def __init__(self, *, verify_only: bool = False, dry_run: bool = False) -> None:
        self._verify_only = verify_only
        #: The word for a file that was copied.
        self.verb = "to copy" if dry_run else Verdict.COPIED.value
        self._counts: Counter[Verdict] = Counter()
        self._copied_bytes = 0
        self.start(0, 0)

    def start(self, files: int, size: int) -> None:
        """Begin to measure the time for so many files, of `size` bytes."""
        self._files = files
        self._bytes = size
        self._done_files = self._done_bytes = 0
        self._started = time.monotonic()

    def add(self, outcome: Outcome) -> None:
        self._counts[outcome.verdict] += 1
        self._done_files += 1
        self._done_bytes += outcome.item.size
        if outcome.verdict is Verdict.COPIED:
            self._copied_bytes += outcome.item.size

    @property
    def differences(self) -> int:
        """The number of files that are not the same in the end."""
        return sum(self._counts[verdict] for verdict in DIFFERENCES)

    @property
    def progress(self) -> str:
        """The files and bytes that are done, the rate, and the time that the rest will take."""
        passed = time.monotonic() - self._started
        done = self._done_bytes + _COST_OF_OPENING * self._done_files
        rest = self._bytes + _COST_OF_OPENING * self._files - done
        rate = filesizeformat(self._done_bytes / passed)
        return (
            f"{self._done_files:,} of {self._files:,} files, "
            f"{filesizeformat(self._done_bytes)} of {filesizeformat(self._bytes)}, {rate}/s, "
            f"{datetime.timedelta(seconds=round(passed * rest / done))} left"
        )

    def __str__(self) -> str:
        copied = f"{self._counts[Verdict.COPIED]:,} {self.verb}"
        parts = [] if self._verify_only else [f"{copied} ({filesizeformat(self._copied_bytes)})"]
        for verdict in Verdict:
            is_shown = self._counts[verdict] or (self._verify_only and verdict is Verdict.EQUAL)
            if is_shown and verdict is not Verdict.COPIED:
                parts.append(f"{self._counts[verdict]:,} {self._name(verdict)}")
        return f"{', '.join(parts)}."

    def _name(self, verdict: Verdict) -> str:
        if self._verify_only and verdict is Verdict.EQUAL:
            return "the same"
        return verdict.value
