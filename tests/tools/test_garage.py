"""Where Garage comes from, and what it is given, with fakes for all programs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.tools.fakes import GARAGE, write_tool
from tools import garage
from tools.minio_server import ServerUnavailable

CARGO = """
import os, pathlib, shutil, sys
root = pathlib.Path(sys.argv[sys.argv.index("--root") + 1])
(root / "bin").mkdir()
shutil.copy(os.environ["BUILT_GARAGE"], root / "bin" / "garage")
"""


@pytest.fixture
def cargo(bin_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BUILT_GARAGE", str(write_tool(tmp_path / "built" / "garage", GARAGE)))
    return write_tool(bin_dir / "cargo", CARGO)


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    folder = tmp_path / "cache" / "django-minio-backend"
    return folder / f"garage-{garage.VERSION}" / "garage"


def test_a_program_on_path_comes_before_a_build(bin_dir: Path, cargo: Path, cached: Path) -> None:
    path = write_tool(bin_dir / "garage", GARAGE)
    with garage.running() as server:
        assert server.source == str(path)
    assert not cached.exists()


def test_it_is_built_once(cargo: Path, cached: Path) -> None:
    for _ in range(2):
        with garage.running() as server:
            assert server.source == str(cached)
        cargo.unlink(missing_ok=True)
    assert {path.name for path in cached.parents[1].iterdir()} == {
        cached.parent.name,
        "garage.lock",
    }


def test_another_program_of_this_name_is_passed_over(
    bin_dir: Path, cargo: Path, cached: Path
) -> None:
    write_tool(bin_dir / "garage", "print('a game of cars')")
    with garage.running() as server:
        assert server.source == str(cached)


def test_a_machine_without_cargo_gets_a_reason_for_each_source(bin_dir: Path) -> None:
    with pytest.raises(ServerUnavailable) as caught, garage.running():
        pass
    assert str(caught.value) == (
        "garage on PATH: no `garage` on PATH; cached build: not built yet; "
        "build with cargo: no `cargo` on PATH"
    )


def test_keys_are_in_no_argument_and_nothing_of_ours_in_the_environment(
    bin_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tool(bin_dir / "garage", GARAGE)
    monkeypatch.setenv("GARAGE_CONFIG_FILE", "/elsewhere")
    with garage.running() as server:
        record = json.loads((bin_dir / "record.garage").read_text())
    assert server.secret_key not in str(record["argv"])
    assert record["env"]["GARAGE_DEFAULT_SECRET_KEY"] == server.secret_key
    assert "GARAGE_CONFIG_FILE" not in record["env"]
    assert not os.path.exists(record["env"]["HOME"])


def test_a_server_that_ends_says_why(bin_dir: Path) -> None:
    source = "import sys\nif sys.argv[1] == '--version': sys.exit(print('garage v0'))\n"
    write_tool(bin_dir / "garage", f"{source}sys.exit('no room')")
    with (
        pytest.raises(ServerUnavailable, match="Garage does not start: no room"),
        garage.running(),
    ):
        pass
