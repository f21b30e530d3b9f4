"""Secrets are in no traceback: Django's page for a failure shows every variable of every frame."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Iterator
from secrets import token_hex
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.views.debug import ExceptionReporter
from minio.sse import SseCustomerKey

from django_minio_backend import MinioBackend
from django_minio_backend.redaction import Secret, redact
from tests.hostile import Answer, closed_port, hostile

# Made now, since the page shows the lines of this file too.
SECRETS = {name: token_hex(12) for name in ("MINIO_SECRET_KEY", "MINIO_SESSION_TOKEN")}
CUSTOMER_KEY = token_hex(16).encode()


def page_of(use: Callable[[], object]) -> str:
    """Return Django's page for what `use` raises."""
    try:
        use()
    except Exception:
        return ExceptionReporter(None, *sys.exc_info()).get_traceback_html()
    raise AssertionError("nothing was raised")


def assert_hidden(page: str) -> None:
    key = base64.b64encode(CUSTOMER_KEY).decode()
    for secret in (*SECRETS.values(), CUSTOMER_KEY.decode(), key):
        at = page.find(secret)
        assert at < 0, page[max(0, at - 300) : at + 80]


class Failing:
    """Content that fails while it is sent."""

    size = 20 * 2**20

    def read(self, count: int = -1) -> bytes:
        raise RuntimeError("the source failed")

    def seekable(self) -> bool:
        return False


USES: dict[str, Callable[[MinioBackend], object]] = {
    "save": lambda s: s.save("a.txt", ContentFile(b"x")),
    "save much": lambda s: s.save("a.bin", ContentFile(bytes(12 * 2**20))),
    "save what fails": lambda s: s.save("a.bin", Failing()),
    "save in parts": lambda s: s.save("a.bin", iter([bytes(11 * 2**20), b"x"])),
    "open": lambda s: s.open("a.txt"),
    "exists": lambda s: s.exists("a.txt"),
    "listdir": lambda s: s.listdir(""),
    "delete": lambda s: s.delete("a.txt"),
    "set a policy": lambda s: s.set_bucket_to_public(),
}


@pytest.fixture(params=["closed", "refuses", "hangs up", "fails"])
def endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "closed":
        with closed_port() as port:
            yield port
        return
    answers = {
        "refuses": Answer(403, "<Error><Code>AccessDenied</Code></Error>"),
        "hangs up": Answer(200, "x" * 10, cut=1),
        "fails": Answer(500),
    }
    with hostile(answers[request.param]) as server:
        yield server.endpoint


def made(endpoint: str) -> MinioBackend:
    return MinioBackend(
        "some-bucket",
        MINIO_ENDPOINT=endpoint,
        MINIO_ACCESS_KEY="the-key",
        MINIO_RETRIES=0,
        sse=SseCustomerKey(CUSTOMER_KEY),
        replace_existing=True,
        **SECRETS,
    )


@pytest.mark.parametrize("use", USES)
def test_a_request_that_fails_shows_no_secret(endpoint: str, use: str) -> None:
    storage = made(endpoint)
    page = page_of(lambda: USES[use](storage))
    assert_hidden(page)
    assert "django_minio_backend" in page


def test_a_storage_that_cannot_be_made_shows_no_secret(settings: Any) -> None:
    wrong = {"MINIO_ENDPOINT": "x", "MINIO_ACCESS_KEY": "k", "MINIO_RETRIES": "many", **SECRETS}
    backend = "django_minio_backend.models.MinioBackend"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": backend, "OPTIONS": wrong},
        "unknown": {"BACKEND": backend, "OPTIONS": {**wrong, "MINIO_ENPOINT": 1}},
    }
    for use in (
        lambda: storages["default"].exists("a.txt"),
        lambda: storages["unknown"].exists("a.txt"),
        lambda: MinioBackend("some-bucket"),
        lambda: MinioBackend(MINIO_LOCATION="../x"),
    ):
        assert_hidden(page_of(use))


def test_a_secret_is_text_that_nobody_sees() -> None:
    secret = Secret("abc")
    assert secret == "abc"
    assert f"{secret}" == "abc"
    assert repr({"key": secret}) == "{'key': '***'}"
    assert redact({"a": "x", "b": 1, "c": "y"}, {"a", "b"}) == {"a": "x", "b": 1, "c": "y"}
    assert repr(redact({"a": "x"}, {"a"})) == "{'a': '***'}"
