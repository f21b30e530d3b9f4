"""The reference is complete: options, commands, checks, errors and settings."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from django_minio_backend import errors
from django_minio_backend.bgfiles import checks as bgfiles_checks
from django_minio_backend.bgfiles import conf
from django_minio_backend.checks import messages
from django_minio_backend.config import options
from django_minio_backend.config.fields import ENDPOINT_OPTIONS
from django_minio_backend.direct import checks as direct_checks
from django_minio_backend.direct import conf as direct_conf
from tests.docs.pages import DOCS
from tools import reference

REFERENCE = DOCS / "reference"
BACKGROUND_FILES = (DOCS / "how-to" / "background-files.md").read_text()
DIRECT_UPLOADS = (DOCS / "how-to" / "direct-uploads.md").read_text()


@pytest.mark.parametrize("page", reference.PAGES, ids=lambda page: page.name)
def test_generated_parts_are_as_the_code_has_them(page: Path) -> None:
    """If they differ, `python -m tools.reference` writes them."""
    assert reference.fill(page.read_text()) == page.read_text()


def test_every_option_has_one_group() -> None:
    grouped = [name for names in reference.GROUPS.values() for name in names]
    assert sorted(grouped) == sorted({*options.FIELDS, *ENDPOINT_OPTIONS})


def test_every_option_is_in_the_reference() -> None:
    text = (REFERENCE / "options.md").read_text()
    assert {name for name in options.NAMES if f"`{name}`" not in text} == set()


def test_every_option_has_a_default_and_a_sentence() -> None:
    for names in reference.GROUPS.values():
        for name in names:
            default, meaning = reference.describe_option(name)
            assert default
            assert re.fullmatch(r"[A-Z`].+\.", meaning), f"{name}: {meaning}"


def test_every_command_is_in_the_reference() -> None:
    pages = "".join(page.read_text() for page in reference.PAGES)
    parts = [name for _, name, _ in reference.MARKS.findall(pages)]
    assert sorted(parts) == sorted(["options", *reference.find_our_commands()])


def list_ids(module: object) -> set[str]:
    factories = [value for value in vars(module).values() if isinstance(value, partial)]
    return {factory("text").id for factory in factories}


def test_every_check_is_in_its_table() -> None:
    text = (REFERENCE / "checks.md").read_text()
    rows = re.findall(r"^\| `(django_minio_backend\.[EW]\d+)` \|", text, re.MULTILINE)
    assert set(rows) == list_ids(messages)


@pytest.mark.parametrize(
    ("label", "text", "module"),
    [
        ("bgfiles", BACKGROUND_FILES, bgfiles_checks),
        ("direct_uploads", DIRECT_UPLOADS, direct_checks),
    ],
)
def test_every_check_of_an_app_is_in_its_table(label: str, text: str, module: object) -> None:
    rows = re.findall(rf"^\| `({label}\.[EW]\d+)` \|", text, re.MULTILINE)
    assert set(rows) == list_ids(module)


def test_every_error_is_in_its_table() -> None:
    text = (REFERENCE / "errors.md").read_text()
    kinds = (errors.StorageError, errors.ConfigurationError)
    names = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, kinds)
    }
    assert {name for name in names if not re.search(rf"^\| .*`{name}`.* \|", text, re.M)} == set()


@pytest.mark.parametrize(
    ("start", "text", "module"),
    [("BGFILES_", BACKGROUND_FILES, conf), ("DIRECT_UPLOADS_", DIRECT_UPLOADS, direct_conf)],
)
def test_every_setting_of_an_app_is_in_its_table_and_read_once(
    start: str, text: str, module: Any
) -> None:
    path = Path(module.__file__)
    read = set(re.findall(rf'"({start}\w+[A-Z])"', path.read_text()))
    assert set(re.findall(rf"^\| `({start}\w+)` \|", text, re.MULTILINE)) == read
    readers = [
        p for p in path.parent.rglob("*.py") if f'getattr(settings, "{start}' in p.read_text()
    ]
    assert readers == [path]
