"""Time zones as text. A request keeps its requester's time zone."""

from __future__ import annotations

import datetime
import re
from zoneinfo import ZoneInfo

from django.utils import timezone

_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)")


def name_zone(zone: datetime.tzinfo) -> str:
    """Return a zone's name, such as "Europe/Berlin", or its offset if it has no name, "+02:00"."""
    if key := getattr(zone, "key", ""):
        return str(key)
    offset = zone.utcoffset(None)
    if offset is None:
        return ""
    minutes = round(offset.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"


def find_zone(name: str) -> datetime.tzinfo:
    """Return the zone that `name_zone` named."""
    if match := _OFFSET.fullmatch(name):
        minutes = 60 * int(match[2]) + int(match[3])
        return timezone.get_fixed_timezone(-minutes if match[1] == "-" else minutes)
    return ZoneInfo(name)
