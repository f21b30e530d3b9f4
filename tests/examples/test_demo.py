"""The demo as its users run it: a process of its own, and what it leaves behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from django_minio_backend import MinioBackend
from tests.conftest import Buckets
from tests.pipes import killed_after
from tools import seaweedfs
from tools.minio_server import Server, ServerUnavailable

ROOT = Path(__file__).parents[2]
PATIENCE = 90  # seconds until a test gives up on the demo


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """The demo's only folder for temporary files."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def environment(scratch: Path, server: Server) -> dict[str, str]:
    """The tests' server, for a demo that then starts none."""
    return os.environ | {
        "TMPDIR": str(scratch),
        "PYTHONIOENCODING": "utf-8",
        "MINIO_ENDPOINT": server.endpoint,
        "MINIO_ACCESS_KEY": server.access_key,
        "MINIO_SECRET_KEY": server.secret_key,
        "MINIO_USE_HTTPS": str(server.secure).lower(),
    }


@contextmanager
def demo(env: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "error", "-m", "examples.demo", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, encoding="utf-8"
    ) as process:
        try:
            yield process
        finally:
            process.kill()  # lest a failing test waits for ever


def oneshot(env: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    with demo(env, "--oneshot", *arguments) as process:
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err


def test_oneshot_prints_its_links_and_leaves_nothing_on_a_server_that_it_did_not_start(
    environment: dict[str, str], scratch: Path, buckets: Buckets, server: Server
) -> None:
    code, out, err = oneshot(environment)
    assert (code, err) == (0, "")
    assert f"http://{server.endpoint}/demo-" in out
    assert re.search(r"^http://\S+&X-Amz-Signature=\w{64}$", out, re.MULTILINE)
    assert re.search(r"Site +http://127\.0\.0\.1:\d+/$", out, re.MULTILINE)
    left = [bucket.name for bucket in MinioBackend().client.list_buckets()]
    assert not [name for name in left if name.startswith("demo-")]
    assert not list(scratch.iterdir())


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        ({"MINIO_SECRET_KEY": "wrong-secret"}, "Health: .* does not accept the credentials"),
        ({"MINIO_REGION": "elsewhere"}, "Health: .* correct MINIO_REGION"),
    ],
)
def test_failing_step_is_one_clear_line_and_exit_code_1(
    broken: dict[str, str], line: str, environment: dict[str, str], scratch: Path
) -> None:
    code, _, err = oneshot(environment | broken)
    assert code == 1
    assert re.fullmatch(f" ✗ {line}.*\n", err)
    assert not list(scratch.iterdir())


def test_missing_server_is_a_clear_line_and_exit_code_1(
    environment: dict[str, str], tmp_path: Path, scratch: Path
) -> None:
    nowhere = {
        "PATH": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PIP_NO_INDEX": "1",
        "MINIO_ENDPOINT": "127.0.0.1:1",
    }
    code, out, err = oneshot(environment | nowhere)
    assert code == 1
    assert "✗ Server: No server could be had." in err
    assert "Traceback" not in out + err
    assert not list(scratch.iterdir())


@pytest.fixture
def seaweedfs_alone(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A machine that has a real SeaweedFS and no other server."""
    try:
        program = seaweedfs.binary()
    except ServerUnavailable as error:
        pytest.skip(f"no SeaweedFS: {error}")
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "weed").symlink_to(program)
    nothing = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PIP_NO_INDEX": "1"}
    return environment | nothing | {"PATH": str(folder), "MINIO_ENDPOINT": ""}


def test_all_steps_pass_on_seaweedfs_which_the_output_names(
    seaweedfs_alone: dict[str, str], scratch: Path
) -> None:
    code, out, err = oneshot(seaweedfs_alone)
    assert (code, err) == (0, "")
    assert out.count(" ✓ ") == 14
    assert re.search(r"Server +http://127\.0\.0\.1:\d+ \(SeaweedFS, weed on PATH\)\n", out)
    assert "make demo SERVER=minio" in out
    assert not list(scratch.iterdir())


def test_minio_is_waited_for_where_it_is_asked_for(seaweedfs_alone: dict[str, str]) -> None:
    code, _, err = oneshot(seaweedfs_alone, "--server", "minio")
    assert code == 1
    assert "build with Go" in err
    assert "SeaweedFS" not in err


def children(pid: int) -> list[int]:
    if not shutil.which("ps"):
        pytest.skip("ps is not installed")
    listing = subprocess.check_output(["ps", "-A", "-o", "pid=,ppid="], text=True, timeout=PATIENCE)
    pairs = [tuple(map(int, line.split())) for line in listing.splitlines()]
    return [child for child, parent in pairs if parent == pid]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_the_demo_leaves_no_process_and_no_file(
    number: signal.Signals, environment: dict[str, str], scratch: Path, server: Server
) -> None:
    # With the tests' server named there would be no child to leave behind.
    own = {**environment, "MINIO_ENDPOINT": ""}
    with demo(own) as process:
        assert process.stdout
        assert process.stderr
        with killed_after(process, PATIENCE):
            for line in process.stdout:
                if "Ctrl-C" in line:
                    break
        started = children(process.pid)
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert "Goodbye" in out
    assert started
    assert not [pid for pid in started if is_running(pid)]
    assert not list(scratch.iterdir())
