"""A share of the files, for several workers that do one job together."""

from __future__ import annotations

import zlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Shard:
    """Share `number` of `count`, from 1. Each name belongs to one share, in all processes."""

    number: int = 1
    count: int = 1

    def holds(self, name: str) -> bool:
        """Return True if a name belongs to this share."""
        if self.count == 1:
            return True
        return zlib.crc32(name.encode("utf-8", "surrogatepass")) % self.count == self.number - 1


#: All names.
ALL = Shard()


def parse_shard(text: str) -> Shard:
    """Return the share that "2/4" stands for. Raises ValueError for other text."""
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise ValueError(f"must be a share such as 1/4, from 1/4 to 4/4, not {text!r}")
    return Shard(int(number), int(count))
