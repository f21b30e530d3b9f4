"""What tests of background files share: a user, places for files, a pattern, a clean registry."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.management import call_command
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone

from django_minio_backend.bgfiles.models import FileRequest
from django_minio_backend.bgfiles.patterns import Criteria, Dataset, FullPattern, registry
from django_minio_backend.bgfiles.toolbox import add_request

pytestmark = pytest.mark.django_db

PLACES = {
    "memory": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "disk": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
}
TEMPLATES = {
    "delayed.html": "later: {{ file_request.pk }}",
    "reports/delayed_response.html": "{{ nr_events }} are too many",
    "reports/login_events_filter.html": "{{ form.errors.from_date.0 }}",
    "errors/naughty.html": "naughty",
    "errors/signature_expired.html": "late",
    "errors/access_denied.html": "denied",
}


class Numbers(FullPattern):
    """Writes the numbers up to `n`, one a line."""

    file_type = "numbers"
    content_type = "text/csv"
    delayed_template_name = "delayed.html"
    email_subject: Any = "%(filename)s is ready"
    email_text_message = "Fetch it: %(download_url)s"

    def get_items(self, criteria: Criteria) -> range:
        return range(int(criteria.raw["n"]))

    def evaluate_dataset(self, dataset: Dataset, http_request: HttpRequest) -> None:
        dataset.delay = len(dataset.items) > 10

    def write_bytes(self, dataset: Dataset, buffer: Any) -> None:
        rows = csv.writer(io.TextIOWrapper(buffer, encoding="utf-8", newline=""))
        for number in dataset.items:
            rows.writerow([number])
            dataset.report(number + 1, len(dataset.items))


@pytest.fixture(autouse=True)
def project(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ROOT_URLCONF = "tests.bgfiles.urls"
    loader = ("django.template.loaders.locmem.Loader", TEMPLATES)
    backend = "django.template.backends.django.DjangoTemplates"
    settings.TEMPLATES = [{"BACKEND": backend, "OPTIONS": {"loaders": [loader]}}]
    monkeypatch.setattr(registry, "handlers", {})
    registry.register(Numbers, ["numbers"])


@pytest.fixture
def place(settings: Any, tmp_path: Path) -> Callable[[str], None]:
    """Make one of PLACES the storage of background files."""

    def put(name: str) -> None:
        settings.MEDIA_ROOT = str(tmp_path / "media")
        settings.STORAGES = {**settings.STORAGES, "bgfiles": PLACES[name]}

    return put


@pytest.fixture
def memory(place: Callable[[str], None]) -> None:
    place("memory")


@pytest.fixture(params=["memory", "disk", "minio"])
def anywhere(request: pytest.FixtureRequest, place: Callable[[str], None]) -> str:
    """Files in memory, on disk, and in a private bucket."""
    if request.param == "minio":
        request.getfixturevalue("buckets")
    else:
        place(request.param)
    return str(request.param)


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("ann", "ann@example.com")


@pytest.fixture
def other(db: None) -> User:
    return User.objects.create_user("bob", "bob@example.com")


@pytest.fixture
def queued(user: User) -> FileRequest:
    return add_request("n=3", "numbers", user, filename="numbers.csv")


@pytest.fixture
def done(memory: None, queued: FileRequest, mailoutbox: list[Any]) -> FileRequest:
    """A request whose file is there; the e-mail about it is forgotten."""
    assert Numbers.handle(queued)
    mailoutbox.clear()
    queued.refresh_from_db()
    return queued


def http(user: Any = None, method: str = "get", path: str = "/", **given: Any) -> HttpRequest:
    """Return a request by this user, or by nobody."""
    made: HttpRequest = getattr(RequestFactory(), method)(path, **given)
    made.user = user or AnonymousUser()
    return made


def body(response: Any) -> bytes:
    return b"".join(response) if response.streaming else response.content


def stored(request: FileRequest) -> bytes:
    with request.filehandle.storage.open(request.filehandle.name or "") as file:
        return bytes(file.read())


CONTENT = b"0\r\n1\r\n2\r\n"


def add(**values: Any) -> FileRequest:
    return FileRequest.objects.create(file_type="numbers", criteria="n=1", **values)


def ago(**spans: float) -> Any:
    return timezone.now() - timedelta(**spans)


# Within a test's own transaction files would go when that ends, which it does not.
committed = pytest.mark.django_db(transaction=True)


def run(*arguments: str, error: StringIO | None = None) -> str:
    out = StringIO()
    call_command("bgfiles", *arguments, stdout=out, stderr=error or StringIO(), no_color=True)
    return out.getvalue()


@pytest.fixture
def expired(done: FileRequest) -> FileRequest:
    done.expires_at = timezone.now() - timedelta(hours=2)
    done.save()
    return done
