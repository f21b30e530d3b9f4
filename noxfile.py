"""The matrix: each supported Python, Django and minio SDK. `nox --list` shows the corners.

Two more sessions run only when they are named: Django's own tests, and Django's main branch.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import nox

PYTHONS = ["3.11", "3.12", "3.13"]
DJANGOS = ["4.2", "5.2", "6"]
DJANGO_MAIN = "https://github.com/django/django/archive/refs/heads/main.tar.gz"
MINIOS = ["7.2.8", "7.2.18", "7.2.19", "7.2.20"]
# Newest and oldest, and the one SDK that differs from its neighbours.
CI = {("3.13", "6", "7.2.20"), ("3.11", "4.2", "7.2.8"), ("3.13", "6", "7.2.19")}

nox.options.default_venv_backend = "virtualenv"
nox.options.error_on_missing_interpreters = True
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["tests"]


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
    session.install(f"django=={django}.*", f"minio=={minio}", ".", *read_test_group())
    session.run("python", "-m", "pytest", "-q", *session.posargs)


def read_test_group() -> tuple[str, ...]:
    return nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "test")


@nox.session
@nox.parametrize(["python", "django"], [("3.12", "4.2"), ("3.13", "5.2"), ("3.13", "6")])
def django_tests(session: nox.Session, django: str) -> None:
    """Run Django's own tests of files, with our storages in the place of the disk."""
    session.install(f"django=={django}.*", ".", "pillow>=10")
    session.run("python", "-m", "tools.django_tests", *session.posargs)


@nox.session(python="3.13")
def django_main(session: nox.Session) -> None:
    """Run the suite on Django's main branch. It may fail: it tells early what is to come.

    The environment variable DJANGO_MAIN names another archive, or a checkout.
    """
    session.install(".", *read_test_group())
    source = os.environ.get("DJANGO_MAIN", DJANGO_MAIN)
    session.install("--force-reinstall", "--no-deps", source)
    # A deprecation is a warning here, and no error.
    session.run("python", "-m", "pytest", "-q", "-W", "default", *session.posargs)
