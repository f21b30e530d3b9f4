"""The demo's output: one line for each step, and one line for a failure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Failed(Exception):
    """A step failed; the message is a clear line."""


def heading(text: str) -> None:
    print(f"\n{text}")


def note(name: str, text: str) -> None:
    print(f"   {name:<14}{text}")


def step(name: str, act: Callable[[], T], said: Callable[[T], str] = str) -> T:
    """Do a step, print what `said` makes of its result, and return the result.

    Raises Failed with the step's name for whatever goes wrong: a demo's reader needs no traceback.
    """
    try:
        result = act()
        print(f" ✓ {name:<14}{said(result)}")
    except Exception as error:
        raise Failed(f"{name}: {error or type(error).__name__}") from error
    return result
