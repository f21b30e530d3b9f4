"""The source distribution has everything that git knows, so it can test itself."""

from __future__ import annotations

import subprocess
import tomllib

import pytest

from tests.docs.pages import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_source_distribution_includes_every_file() -> None:
    done = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=30
    )
    if done.returncode != 0:
        pytest.skip("no checkout of git")
    include = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    files = [f"/{path}" for path in done.stdout.splitlines()]
    assert [path for path in files if not any(is_included(path, entry) for entry in include)] == []


def is_included(path: str, entry: str) -> bool:
    if entry == "/*.md":
        return path.count("/") == 1 and path.endswith(".md")
    return path == entry or path.startswith(f"{entry}/")


def test_only_extras_for_users_are_published() -> None:
    extras = {"brotli", "celery", "health-check", "rest", "tasks"}
    assert set(PROJECT["project"]["optional-dependencies"]) == extras
