"""The README's section on background files, used as it says."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.urls import include, path

from django_minio_backend.bgfiles import checks, conf, toolbox
from django_minio_backend.bgfiles.models import FileRequest, State
from tests.bgfiles.conftest import body, http

README = (Path(__file__).parents[2] / "README.md").read_text()
SECTION = README.split("\n## Background files\n")[1].split("\n## ")[0]
BLOCKS = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)


@pytest.fixture
def shown(memory: None) -> dict[str, Any]:
    pytest.importorskip("celery")
    names: dict[str, Any] = {"INSTALLED_APPS": [], "STORAGES": {}, "MINIO": {}, "urlpatterns": []}
    names |= {"include": include, "path": path}
    for block in BLOCKS:
        exec(block, names)
    return names


@pytest.mark.django_db
def test_the_export_is_answered_at_once_or_made_and_mailed(
    shown: dict[str, Any], user: User, mailoutbox: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert b"ann,ann@example.com" in shown["export_accounts"](http(user, "post")).content

    def always(self: Any, dataset: Any, http_request: Any) -> None:
        dataset.delay = True

    monkeypatch.setattr(shown["AccountExport"], "evaluate_dataset", always)
    shown["AccountExport"]("accounts.csv").respond_to(http(user))
    call_command("bgfiles", "process", "--timeout=600", "--sleep=1", "--items=20", verbosity=0)
    found = re.search(r"https://www.example.com/files/(\S+)/$", mailoutbox[0].body)
    assert found
    assert b"ann,ann@example.com" in body(shown["serve"](http(user), found[1]))


@pytest.mark.django_db
def test_files_for_all_and_without_a_pattern(
    shown: dict[str, Any], user: User, capsys: pytest.CaptureFixture[str]
) -> None:
    shown["PublicExport"]("accounts.csv").respond_to(http(user))
    shown["ask"](http(user, "post", data={"a": 1}))
    shown["make_all"]()
    request = FileRequest.objects.get()
    assert (request.state, request.criteria) == (State.DONE, "a=1")
    token = capsys.readouterr().out.strip().rpartition("/")[2]
    assert body(shown["serve"](http(user), token)) == b"a,b\n"
    assert body(shown["serve_to_all"](http(), toolbox.create_general_token(request))) == b"a,b\n"


def test_the_table_of_checks_is_complete() -> None:
    factories = [value for value in vars(checks).values() if isinstance(value, partial)]
    known = {factory("text").id for factory in factories}
    assert set(re.findall(r"^\| `(bgfiles\.[EW]\d+)` \|", SECTION, re.MULTILINE)) == known


def test_the_table_of_settings_is_complete() -> None:
    read = set(re.findall(r"BGFILES_\w+[A-Z]", Path(conf.__file__).read_text()))
    assert set(re.findall(r"^\| `(BGFILES_\w+)` \|", SECTION, re.MULTILINE)) == read
    everywhere = Path(conf.__file__).parent.rglob("*.py")
    others = [one.name for one in everywhere if '"BGFILES_' in one.read_text()]
    assert others == ["conf.py"]
