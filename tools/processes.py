"""Run commands and servers so that none outlives us, and show that a long one is alive."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

# Seconds.
COMMAND_TIMEOUT = 15.0
STOP_TIMEOUT = 10.0
BUILD_TIMEOUT = 3600.0

Command = Sequence[str | Path]

# Ties a child's life to ours, then becomes the command. Not a preexec_fn, which may deadlock where
# the parent has threads. PR_SET_PDEATHSIG (1) survives exec; a parent that is gone by then has
# handed the child to another one.
_LAUNCHER = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, int(signal.SIGTERM), 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent is gone")
os.execvp(sys.argv[2], sys.argv[2:])
"""


class SourceFailed(Exception):
    """This source gives no server; the next one is tried."""


@contextmanager
def started(
    command: Command, *, env: Mapping[str, str], log: Path, may_be_killed: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` for the length of the `with` block, its output appended to `log`.

    A session of its own keeps the terminal's Ctrl-C from it: that reaches us, and we stop it.
    `may_be_killed` is for a command that has nothing to put in order at its end.
    """
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *map(str, command)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            launcher,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _stop(process, patience=0 if may_be_killed else STOP_TIMEOUT)


def output_of(command: Command, timeout: float = COMMAND_TIMEOUT) -> str:
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
        check=False,
    )
    if result.returncode:
        what = " ".join(map(str, command))
        raise SourceFailed(f"`{what}` failed: {one_line(result.stdout)}")
    return result.stdout.decode(errors="replace")


def long_run(
    what: str, command: Command, *, env: Mapping[str, str], log: Path, seconds: float
) -> None:
    """Run a command that takes about `seconds`, showing that it is alive."""
    say(f"{what}: takes about {seconds:.0f} s")
    began = time.monotonic()
    with started(command, env=env, log=log) as process:
        while not ended(process, within=1 if sys.stderr.isatty() else 30):
            say(f"{what}: {time.monotonic() - began:.0f} s of about {seconds:.0f} s", passing=True)
            if time.monotonic() - began > BUILD_TIMEOUT:
                raise SourceFailed(f"{what}: not done after {BUILD_TIMEOUT:.0f} s")
    outcome = "failed" if process.returncode else "done"
    say(f"{what}: {outcome} after {time.monotonic() - began:.0f} s")
    if process.returncode:
        raise SourceFailed(f"{what}: {one_line(log.read_bytes())}")


def say(line: str, *, passing: bool = False) -> None:
    """Write to stderr; on a terminal the next line takes the place of a passing one."""
    start, end = ("\r\x1b[K", "" if passing else "\n") if sys.stderr.isatty() else ("", "\n")
    print(f"{start}{line}", end=end, file=sys.stderr, flush=True)


def one_line(output: bytes) -> str:
    lines = output[-1500:].decode(errors="replace").splitlines()
    return " | ".join(line.strip() for line in lines if line.strip())


def ended(process: subprocess.Popen[bytes], *, within: float) -> bool:
    with suppress(subprocess.TimeoutExpired):
        process.wait(within)
    return process.returncode is not None


def _stop(process: subprocess.Popen[bytes], *, patience: float) -> None:
    try:
        _signal(process, signal.SIGTERM)
        ended(process, within=patience)
    finally:  # also when a second Ctrl-C ends the waiting
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal a running process and its children: it leads a group, which is ours till reaped."""
    with suppress(PermissionError):  # macOS says so of one that has just ended
        if process.poll() is None:
            os.killpg(process.pid, number)


def on_path(name: str) -> Path:
    found = shutil.which(name)
    if not found:
        raise SourceFailed(f"no `{name}` on PATH")
    return Path(found)
