"""The messages of the system checks.

Each has one factory and one id, which is never given to another.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage

LABEL = "django_minio_backend"


def _error(number: int, message: str, hint: str = "", obj: Any = None) -> CheckMessage:
    return checks.Error(message, hint=hint or None, obj=obj, id=f"{LABEL}.E{number:03}")


def _warning(number: int, message: str, hint: str = "", obj: Any = None) -> CheckMessage:
    return checks.Warning(message, hint=hint or None, obj=obj, id=f"{LABEL}.W{number:03}")


unknown_option = partial(_error, 1)

missing_option = partial(_error, 2)

invalid_option = partial(_error, 3)

contradiction = partial(_error, 4)

# E005 was a bucket shared with static files. It is W011 now.
contradictory_buckets = partial(_error, 6)

invalid_hooks = partial(_error, 7)

unavailable = partial(_error, 8)

broken_move = partial(_error, 9)

misplaced_keyword = partial(_error, 10)

misplaced_option = partial(_warning, 1)

version3_settings = partial(_warning, 2)

undeclared_bucket = partial(_warning, 3)

app_order = partial(_warning, 4)

plain_http = partial(_warning, 5)

default_credentials = partial(_warning, 6)

long_expiry = partial(_warning, 7)

drifted_bucket = partial(_warning, 8)

clock_difference = partial(_warning, 9)

tolerated_option = partial(_warning, 10)

shared_bucket = partial(_warning, 11)

same_origin = partial(_warning, 12)

shared_name = partial(_warning, 13)

unread_attribute = partial(_warning, 14)
