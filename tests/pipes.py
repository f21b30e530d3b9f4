"""What other processes print, read with a deadline, and commands run as a plain shell runs them."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

PATIENCE = 60.0  # seconds


def clean_environment() -> dict[str, str]:
    """Return our environment without what makes Python pass on its output sooner."""
    return {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}


@contextmanager
def killed_after(process: subprocess.Popen[str], seconds: float = PATIENCE) -> Iterator[None]:
    """Kill a process that is slower than this: a read of its output then ends, and the test."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join(PATIENCE)


def read_line(
    pipe: IO[str] | None, process: subprocess.Popen[str], seconds: float = PATIENCE
) -> str:
    """Return the next line of the process's `pipe`, or "" when none comes in time."""
    assert pipe
    with killed_after(process, seconds):
        return pipe.readline()
