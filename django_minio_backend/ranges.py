"""The HTTP Range header: pure parsing. https://www.rfc-editor.org/rfc/rfc9110#name-range-requests"""

from __future__ import annotations

import re

# More digits than any size has are none that `int` should be asked to read.
_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.IGNORECASE)


class Unsatisfiable(ValueError):
    """No byte of the content is in the range that was asked for: answer 416."""


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the range `[start, stop)` of `size` bytes that a Range header asks for.

    None means that all of it is to be sent, with a 200: there is no header, it is malformed, or
    it asks for several ranges, which a server may decline. Raises Unsatisfiable.
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
