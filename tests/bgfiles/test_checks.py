from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from typing import Any

import pytest
from django.core import checks as django_checks

from django_minio_backend.bgfiles import checks, toolbox
from django_minio_backend.bgfiles.models import FileRequest, State
from django_minio_backend.bgfiles.patterns import FullPattern, registry
from tests.bgfiles.conftest import Numbers


def ids(found: list[Any]) -> list[str]:
    return [message.id for message in found]


def test_every_message_has_an_id_of_its_own() -> None:
    factories = [value for value in vars(checks).values() if isinstance(value, partial)]
    found = [factory("text").id for factory in factories]
    assert sorted(found) == [
        "bgfiles.E001",
        "bgfiles.W001",
        "bgfiles.W002",
        "bgfiles.W003",
        "bgfiles.W004",
        "bgfiles.W005",
    ]


def test_they_run_with_djangos(settings: Any) -> None:
    settings.STORAGES = {**settings.STORAGES, "bgfiles": {"BACKEND": "nowhere.Storage"}}
    found = [one for one in django_checks.run_checks() if one.id == "bgfiles.E001"]
    assert len(found) == 1
    assert "nowhere" in found[0].msg
    assert found[0].hint == "Correct STORAGES['bgfiles']."


PROJECT = """
import json
import sys
from django.conf import settings

STORAGES = {"default": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
alias, declared = sys.argv.pop(1), json.loads(sys.argv.pop(1))
STORAGES[alias] = declared
settings.configure(
    INSTALLED_APPS=[
        "django.contrib.auth", "django.contrib.contenttypes", "django_minio_backend.bgfiles"
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    STORAGES=STORAGES,
)
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""


@pytest.mark.parametrize("command", [["check"], ["migrate"], ["makemigrations", "--check"]])
@pytest.mark.parametrize("alias", ["bgfiles", "default"])
@pytest.mark.parametrize(
    "declared",
    [
        {"BACKEND": "nowhere.Storage"},
        {"BACKEND": "django_minio_backend.models.MinioBackend", "OPTIONS": {"MINIO_ENDPOINT": "x"}},
    ],
)
def test_a_storage_that_cannot_be_made_is_an_error_of_the_check_and_no_traceback(
    alias: str, declared: dict[str, Any], command: list[str]
) -> None:
    argv = [sys.executable, "-c", PROJECT, alias, json.dumps(declared), *command]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "?: (bgfiles.E001) The storage of background files cannot be used: " in done.stderr
    assert f"HINT: Correct STORAGES['{alias}']." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_default_storage_that_cannot_be_made_is_told(settings: Any) -> None:
    backend = "django_minio_backend.models.MinioBackend"
    settings.STORAGES = {"default": {"BACKEND": backend, "OPTIONS": {"MINIO_ENDPOINT": "x"}}}
    (message,) = checks.check_storage()
    assert message.id == "bgfiles.E001"
    assert message.hint == "Correct STORAGES['default']."


def test_a_storage_that_can_be_made_is_fine(memory: None) -> None:
    assert checks.check_storage() == []


def test_a_pattern_that_nobody_registered_is_told() -> None:
    class Forgotten(FullPattern):
        file_type = "forgotten"

    found = [one for one in checks.check_patterns() if "Forgotten" in one.msg]
    assert ids(found) == ["bgfiles.W001"]
    registry.register(Forgotten, ["forgotten"])
    assert not [one for one in checks.check_patterns() if "Forgotten" in one.msg]
    assert not [one for one in checks.check_patterns() if Numbers.__qualname__ + " " in one.msg]


@pytest.mark.django_db
def test_rows_that_nobody_makes_are_told_where_the_database_is_asked() -> None:
    for state in State.values:
        FileRequest.objects.create(file_type=f"unknown {state}", state=state)
    toolbox.add_request(file_type="numbers")
    assert checks.check_rows() == []
    found = checks.check_rows(databases=["default"])
    assert ids(found) == ["bgfiles.W002", "bgfiles.W002"]
    assert {"queued" in found[0].msg, "running" in found[0].msg} == {True, False}


@pytest.mark.django_db
def test_a_table_that_is_still_to_be_made_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileRequest._meta, "db_table", "not_yet")
    assert checks.check_rows(databases=["default"]) == []


def test_the_default_salt_is_told_on_deployment(settings: Any) -> None:
    assert ids(checks.check_salt()) == ["bgfiles.W003"]
    settings.BGFILES_DEFAULT_SALT = "mine"
    assert checks.check_salt() == []
    del settings.BGFILES_DEFAULT_SALT
    settings.BGFILES_DEFAULT_SIGNER = toolbox.Signer()
    assert checks.check_salt() == []


@pytest.mark.parametrize("urls", [None, "tests.test_views"])
def test_e_mails_that_cannot_have_a_link_are_told(settings: Any, urls: str | None) -> None:
    class Mailing(FullPattern):
        email_subject = "Ready"

    class Linking(Mailing):
        download_url = "https://www.example.com/%(token)s"

    settings.ROOT_URLCONF = urls
    found = [one for one in checks.check_links() if ".Mailing" in one.msg]
    assert {*ids(found)} == {"bgfiles.W005"}
    assert "bgfiles.urls" in (found[0].hint or "")
    assert not [one for one in checks.check_links() if ".Linking" in one.msg]
    settings.ROOT_URLCONF = "tests.bgfiles.urls"
    found = [one for one in checks.check_links() if ".Mailing" in one.msg]
    assert {*ids(found)} == {"bgfiles.W004"}
