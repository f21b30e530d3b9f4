"""The reference is complete: options, commands, checks, errors and settings."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest

from django_minio_backend import errors
from django_minio_backend.bgfiles import checks as bgfiles_checks
from django_minio_backend.bgfiles import conf
from django_minio_backend.checks import messages
from django_minio_backend.config import options
from django_minio_backend.config.fields import ENDPOINT_OPTIONS
from tests.docs.pages import DOCS
from tools import reference

REFERENCE = DOCS / "reference"
BACKGROUND_FILES = (DOCS / "how-to" / "background-files.md").read_text()


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


def test_every_check_of_background_files_is_in_its_table() -> None:
    rows = re.findall(r"^\| `(bgfiles\.[EW]\d+)` \|", BACKGROUND_FILES, re.MULTILINE)
    assert set(rows) == list_ids(bgfiles_checks)


def test_every_error_is_in_its_table() -> None:
    text = (REFERENCE / "errors.md").read_text()
    kinds = (errors.StorageError, errors.ConfigurationError)
    names = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, kinds)
    }
    assert {name for name in names if not re.search(rf"^\| .*`{name}`.* \|", text, re.M)} == set()


def test_every_setting_of_background_files_is_in_its_table() -> None:
    read = set(re.findall(r"BGFILES_\w+[A-Z]", Path(conf.__file__).read_text()))
    assert set(re.findall(r"^\| `(BGFILES_\w+)` \|", BACKGROUND_FILES, re.MULTILINE)) == read


def test_one_module_reads_the_settings_of_background_files() -> None:
    modules = Path(conf.__file__).parent.rglob("*.py")
    assert [path.name for path in modules if '"BGFILES_' in path.read_text()] == ["conf.py"]
