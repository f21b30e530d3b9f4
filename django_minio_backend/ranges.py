"""The HTTP Range header: pure parsing. https://www.rfc-editor.org/rfc/rfc9110#name-range-requests"""

from __future__ import annotations

import re

# No size has more digits than this, so `int` need not read more.
_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.IGNORECASE)


class Unsatisfiable(ValueError):
    """The range has no byte of the content. The response to it is 416."""


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the range `[start, stop)` that a Range header asks for, out of `size` bytes.

    None means: send everything, with a 200. There is no header, it is malformed, or it asks for
    several ranges, which a server may decline. Raises Unsatisfiable.
    """
    match = _ONE_RANGE.fullmatch(header.strip())
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        start, stop = max(0, size - int(match[2])), size
    else:
        start = int(match[1])
        stop = min(int(match[2]) + 1, size) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
    if start >= stop:
        raise Unsatisfiable(f"bytes */{size}")
    return start, stop
