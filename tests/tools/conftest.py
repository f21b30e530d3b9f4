"""Nothing of this machine's PATH, HOME and environment; no network, no build."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.fakes import MINIO, write_tool
from tools import go_build


@pytest.fixture(autouse=True)
def bin_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("MINIO_", "GO", "PIP_"))]:
        monkeypatch.delenv(name)
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # a killed command line leaves its folder
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    monkeypatch.setenv("BUILT_MINIO", str(write_tool(tmp_path / "built" / "minio", MINIO)))
    return folder


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    version = f"minio-{go_build.MINIO.version}"
    return tmp_path / "cache" / "django-minio-backend" / version / "minio"


@pytest.fixture
def record(tmp_path: Path) -> Callable[[], dict[str, object]]:
    """What the fake server wrote about itself."""

    def read() -> dict[str, object]:
        found: dict[str, object] = json.loads((tmp_path / "record").read_text())
        return found

    return read


@pytest.fixture
def set_endpoint(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def set_to(endpoint: str, use_https: str = "") -> None:
        monkeypatch.setenv("MINIO_ENDPOINT", endpoint)
        monkeypatch.setenv("MINIO_ACCESS_KEY", "user")
        monkeypatch.setenv("MINIO_SECRET_KEY", "very-secret")
        monkeypatch.setenv("MINIO_USE_HTTPS", use_https)

    return set_to
