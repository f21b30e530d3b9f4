from __future__ import annotations

import functools

from django_minio_backend.checks import messages


def test_ids_are_unique() -> None:
    made = [value for value in vars(messages).values() if isinstance(value, functools.partial)]
    ids = [factory("text").id for factory in made]
    assert len(ids) == len(set(ids)) == 23
