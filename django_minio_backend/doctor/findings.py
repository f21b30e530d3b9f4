"""The results of an examination."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """How a server answered a probe."""

    GOOD = "ok"
    #: It works, and something is worse than it could be.
    WARNING = "warning"
    #: The storage cannot do its work, or is open to strangers.
    FAILURE = "failure"
    #: The probe could not find out.
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """The result of one probe. `advice` is the remedy, or the feature that lacks."""

    name: str
    verdict: Verdict
    detail: str = ""
    advice: str = ""

    def as_dict(self) -> dict[str, str]:
        return {**dataclasses.asdict(self), "verdict": self.verdict.value}
