"""What tests of direct uploads share: a user's client, and uploads as a browser makes them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import InMemoryStorage, default_storage
from django.test import Client

from django_minio_backend import MinioBackend
from django_minio_backend.direct.client import send_file
from tests.clips.models import Clip, clip_storage
from tests.conftest import Buckets


@pytest.fixture(autouse=True)
def _use_default_storage() -> Iterator[None]:
    clip_storage.switch(default_storage)
    yield
    clip_storage.switch(InMemoryStorage())


@pytest.fixture
def target(buckets: Buckets) -> Any:
    return Clip._meta.get_field("file").target


@dataclass
class Visitor:
    """Somebody with a browser: `client` posts forms, `ask` is what the script does."""

    client: Client
    user: User | None = None

    @property
    def key(self) -> str:
        return "" if self.user is None else str(self.user.pk)

    def post(self, view: str, data: Mapping[str, Any]) -> Any:
        return self.client.post(f"/uploads/{view}/", json.dumps(data), "application/json")

    def ask(self, view: str, data: Mapping[str, Any]) -> dict[str, Any]:
        response = self.post(view, data)
        assert response.status_code == 200, response.content
        answer: dict[str, Any] = response.json()
        return answer

    def upload(self, target: Any, name: str, content: bytes, content_type: str = "") -> str:
        """Upload a file to a field and return its receipt."""
        token = target.to_token(self.key)
        return send_file(self.ask, token, io.BytesIO(content), name, content_type)


@pytest.fixture
def nobody() -> Visitor:
    return Visitor(Client())


@pytest.fixture
def make_visitor(db: Any) -> Callable[[str], Visitor]:
    def make(name: str) -> Visitor:
        user = User.objects.create_user(name)
        client = Client()
        client.force_login(user)
        return Visitor(client, user)

    return make


@pytest.fixture
def visitor(make_visitor: Callable[[str], Visitor]) -> Visitor:
    return make_visitor("ann")


def list_pending(storage: MinioBackend) -> list[str]:
    return storage.listdir("direct-uploads")[1]
