"""The project that a reader of the tutorial has at its end, made once."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.pages import (
    README,
    TUTORIAL,
    Project,
    list_blocks,
    list_pages,
    make_environment,
)
from tools.minio_server import Server

#: The buckets of the documents.
BUCKETS = sorted(
    {
        name
        for page in [README, *list_pages()]
        for block in list_blocks(page)
        for name in re.findall(r"\bmy-[a-z]+(?:-[a-z]+)*", block.text)
    }
)


@pytest.fixture(scope="session")
def environment(server: Server) -> dict[str, str]:
    return make_environment(
        DJANGO_SETTINGS_MODULE="mysite.settings",
        MINIO_ENDPOINT=f"{'https' if server.secure else 'http'}://{server.endpoint}",
        MINIO_ACCESS_KEY=server.access_key,
        MINIO_SECRET_KEY=server.secret_key,
    )


@pytest.fixture(scope="session")
def finished_tutorial(
    environment: dict[str, str],
    remove_buckets: Callable[..., None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Project:
    project = Project(tmp_path_factory.mktemp("tutorial"), environment)
    remove_buckets(*BUCKETS)
    project.follow(TUTORIAL)
    return project


@pytest.fixture
def project(
    finished_tutorial: Project, remove_buckets: Callable[..., None], tmp_path: Path
) -> Project:
    """The tutorial's project, with its buckets, and with nothing in them."""
    remove_buckets(*BUCKETS)
    copy = finished_tutorial.copy_to(tmp_path / "project")
    copy.manage("initialize_buckets", "--silenced")
    return copy
