"""Saving under a name that no other writer can take."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import TypeVar

from django.core.files.storage import Storage

from django_minio_backend.errors import ObjectExists

# How often a save looks for another name if other writers keep taking its name.
_ATTEMPTS = 16

S = TypeVar("S", bound=Storage)


class _UntriedNames:
    """Stands in for a storage's `exists`: a name is free until a save under it was refused."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._asked: set[str] = set()

    def __call__(self, name: str) -> bool:
        self._asked.add(name)
        return name in self._taken

    def refuse(self) -> None:
        """From now on the names that were asked for count as taken."""
        self._taken |= self._asked


def save_new(
    storage: S,
    save: Callable[[S], str],
    *,
    rewinds: bool,
    guess: bool,
    taken: Iterable[str] = (),
) -> str:
    """Return the name of the saved file. `save` gets the storage to save with.

    With `guess` the server is not asked first which names are free: it refuses the taken ones. The
    names in `taken` have been refused already. Raises ObjectExists if it refuses and the content
    does not rewind.
    """
    untried = _UntriedNames(taken)
    if guess:
        storage = copy.copy(storage)
        storage.exists = untried  # type: ignore[method-assign]
    for _ in range(_ATTEMPTS):
        try:
            return save(storage)
        except ObjectExists as error:
            refusal = error
            untried.refuse()
            if not rewinds:
                break
    raise refusal
