"""Nothing can be had by cheating."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.storage import storages
from django.test import Client

from django_minio_backend.direct import views
from django_minio_backend.direct.files import SMALL
from django_minio_backend.direct.targets import Target
from tests.conftest import Buckets
from tests.direct.conftest import Visitor
from tests.hostile import closed_port

pytestmark = pytest.mark.django_db

FILE = {"name": "a.mp4", "size": SMALL + 1, "type": "video/mp4"}


def refusal(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def test_an_upload_is_its_users_alone(
    target: Target, visitor: Visitor, nobody: Visitor, make_visitor: Callable[[str], Visitor]
) -> None:
    bob = make_visitor("bob")
    token = target.to_token(visitor.key)
    for stranger in (bob, nobody):
        assert refusal(stranger.post("begin", {"token": token, **FILE})) == (403, "denied")
    ticket = {"ticket": visitor.ask("begin", {"token": token, **FILE})["ticket"]}
    for stranger in (bob, nobody):
        for view in ("resume", "finish", "cancel"):
            assert refusal(stranger.post(view, ticket)) == (403, "denied")
    assert visitor.ask("resume", ticket)["arrived"] == []


def test_a_lost_session_is_told(target: Target, visitor: Visitor) -> None:
    token = target.to_token(visitor.key)
    ticket = {"ticket": visitor.ask("begin", {"token": token, **FILE})["ticket"]}
    visitor.client.logout()
    response = visitor.post("finish", ticket)
    assert response.json()["error"] == "You are not logged in as before: log in, and load the page."


def test_a_token_is_of_one_kind_and_age(target: Target, nobody: Visitor, settings: Any) -> None:
    token = target.to_token("")
    ticket = nobody.ask("begin", {"token": token, **FILE})["ticket"]
    assert refusal(nobody.post("finish", {"ticket": token})) == (403, "bad_token")
    assert refusal(nobody.post("begin", {"token": ticket, **FILE})) == (403, "bad_token")
    assert refusal(nobody.post("begin", {"token": token + "x", **FILE})) == (403, "bad_token")
    settings.DIRECT_UPLOADS_MAX_AGE = -1
    assert refusal(nobody.post("begin", {"token": token, **FILE})) == (403, "expired")
    assert refusal(nobody.post("finish", {"ticket": ticket})) == (403, "expired")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"size": 401 * 2**20}, "too_large"),
        ({"name": "a.exe", "type": ""}, "wrong_type"),
        ({"name": "a.html", "type": "video/mp4"}, ""),
        ({"name": ".."}, "bad_name"),
        ({"name": "a\x00.mp4"}, "bad_name"),
        ({"name": "x/"}, "bad_name"),
        ({"name": 1}, "bad_request"),
        ({"size": -1}, "bad_request"),
        ({"size": 1.5}, "bad_request"),
        ({"size": True}, "bad_request"),
        ({"size": "5"}, "bad_request"),
        ({"type": None}, "bad_request"),
        ({"token": None}, "bad_request"),
        ({"token": [":"]}, "bad_request"),
        ({"size": 10**400}, "bad_request"),
    ],
)
def test_a_file_that_the_field_does_not_take_is_refused(
    target: Target, nobody: Visitor, change: dict[str, Any], code: str
) -> None:
    response = nobody.post("begin", {"token": target.to_token(""), **FILE, **change})
    assert refusal(response) == (400, code) if code else response.status_code == 200


@pytest.mark.parametrize("body", ["", "[]", "{", "null", '"a"', "[" * 100_000])
def test_what_is_no_json_object_is_refused(buckets: Buckets, nobody: Visitor, body: str) -> None:
    response = nobody.client.post("/uploads/begin/", body, "application/json")
    assert refusal(response) == (400, "bad_request")


def test_other_methods_and_pages_are_refused(buckets: Buckets) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.get("/uploads/begin/").status_code == 405
    assert client.post("/uploads/begin/", "{}", "application/json").status_code == 403


def test_the_project_decides_who_may(target: Target, nobody: Visitor, settings: Any) -> None:
    asked: list[Any] = []

    def refuse(request: Any, target: Target) -> bool:
        asked.append((request.path, target.label))
        return False

    settings.DIRECT_UPLOADS_PERMISSION = refuse
    request = {"token": target.to_token(""), **FILE}
    response = nobody.post("begin", request)
    assert refusal(response) == (403, "denied")
    assert response.json()["error"] == "You may not upload files here."
    assert asked == [("/uploads/begin/", "clips.Clip.file")]

    def explain(request: Any, target: Target) -> bool:
        raise PermissionDenied("Your room is used up.")

    settings.DIRECT_UPLOADS_PERMISSION = explain
    assert nobody.post("begin", request).json()["error"] == "Your room is used up."
    settings.DIRECT_UPLOADS_PERMISSION = lambda request, target: True
    assert nobody.post("begin", request).status_code == 200


def test_a_server_that_is_down_is_told_without_its_secrets(
    buckets: Buckets, target: Target, nobody: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    with closed_port() as endpoint:
        buckets.change(MINIO_ENDPOINT=endpoint, MINIO_RETRIES=0)
        response = nobody.post("begin", {"token": target.to_token(""), **FILE})
    assert refusal(response) == (503, "storage")
    assert "The server could not be reached" in caplog.text
    secret = storages["default"].options.secret_key  # type: ignore[attr-defined]
    assert str(secret) not in caplog.text + response.content.decode()
    assert response["Cache-Control"].startswith("max-age=0")


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("C:\\Users\\ann\\clip.mp4", "clip.mp4"),
        ("../../etc/clip.mp4", "clip.mp4"),
        ("x" * 300 + ".mp4", "x" * 251 + ".mp4"),
        (".hidden", ".hidden"),
    ],
)
def test_names_are_cut_to_their_last_part(name: str, base: str) -> None:
    assert views._read_base_name(name) == base


def test_answers_are_json(target: Target, nobody: Visitor) -> None:
    response = nobody.post("cancel", {"ticket": "x"})
    assert json.loads(response.content)["error"] == "The upload is not one of this page."
