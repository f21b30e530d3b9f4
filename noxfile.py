"""The matrix: each supported Python, Django and minio SDK. `nox --list` shows the corners."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import nox

PYTHONS = ["3.11", "3.12", "3.13"]
DJANGOS = ["4.2", "5.2", "6"]
MINIOS = ["7.2.8", "7.2.18", "7.2.19", "7.2.20"]
# Newest and oldest, and the one SDK that differs from its neighbours.
CI = {("3.13", "6", "7.2.20"), ("3.11", "4.2", "7.2.8"), ("3.13", "6", "7.2.19")}

nox.options.default_venv_backend = "virtualenv"
nox.options.error_on_missing_interpreters = True
nox.options.reuse_existing_virtualenvs = True


def supported(python: str, django: str) -> bool:
    """Django 6 needs Python 3.12; Django 4.2 was made for Python up to 3.12."""
    return (python, django) not in {("3.11", "6"), ("3.13", "4.2")}


CORNERS = [
    nox.param(python, django, minio, tags=["ci"] if (python, django, minio) in CI else [])
    for python, django, minio in itertools.product(PYTHONS, DJANGOS, MINIOS)
    if supported(python, django)
]


def pyenv_pythons() -> str:
    """Return PATH with pyenv's versions, whose shims fail where a version is not selected."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = [str(path) for path in sorted(root.glob("versions/3.*/bin"), reverse=True)]
    return os.pathsep.join([*found, os.environ["PATH"]])


os.environ["PATH"] = pyenv_pythons()


@nox.session
@nox.parametrize(["python", "django", "minio"], CORNERS)
def tests(session: nox.Session, django: str, minio: str) -> None:
    """Run the suite; lint, types and coverage are `make test`'s."""
    test_group = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "test")
    session.install(f"django=={django}.*", f"minio=={minio}", ".", *test_group)
    session.run("python", "-m", "pytest", "-q", *session.posargs)
