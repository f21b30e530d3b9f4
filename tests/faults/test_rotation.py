"""Credentials that are changed while work goes on, as a provider of short-lived keys does."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.base import ContentFile
from minio import MinioAdmin
from minio.credentials import StaticProvider

from django_minio_backend import MinioBackend
from django_minio_backend.errors import InvalidCredentials
from tests.conftest import Buckets
from tools.minio_server import Server

PART = 5 * 2**20
OLD = b"the old content"
WHOLE = b"1" * PART + b"2" * PART + b"3" * PART


class Keyring:
    """Users of the server. As a provider it gives the key of the current one."""

    def __init__(self, server: Server) -> None:
        self._admin = MinioAdmin(
            endpoint=server.endpoint,
            credentials=StaticProvider(server.access_key, server.secret_key),
            secure=server.secure,
        )
        self.users = [self._add() for _ in range(2)]
        self.current = 0
        #: True if each request gets the other key.
        self.alternates = False
        #: The numbers of the requests before which the key is replaced.
        self.rotates_at: set[int] = set()
        self.given: list[str] = []

    def _add(self) -> SimpleNamespace:
        user = SimpleNamespace(
            access_key=secrets.token_hex(8), secret_key=secrets.token_hex(16), session_token=None
        )
        self._admin.user_add(user.access_key, user.secret_key)
        self._admin.policy_set("readwrite", user=user.access_key)
        return user

    def retrieve(self) -> Any:
        if self.alternates:
            self.current = 1 - self.current
        if len(self.given) in self.rotates_at:
            self.rotate()
        self.given.append(self.users[self.current].access_key)
        return self.users[self.current]

    def rotate(self) -> None:
        """Give the other key from now on, and disable the one before."""
        self.disable()
        self.current = 1 - self.current

    def disable(self) -> None:
        self._admin.user_disable(self.users[self.current].access_key)

    def close(self) -> None:
        for user in self.users:
            self._admin.user_remove(user.access_key)
        self._admin._http.clear()


@pytest.fixture
def keyring(server: Server) -> Iterator[Keyring]:
    made = Keyring(server)
    yield made
    made.close()


@pytest.fixture
def rotating(buckets: Buckets, keyring: Keyring) -> MinioBackend:
    """A storage that replaces, whose keys are those of the keyring."""
    return MinioBackend(
        MINIO_CREDENTIALS=keyring, MINIO_MULTIPART_PART_SIZE=PART, replace_existing=True
    )


def yield_parts(then: Any) -> Iterator[bytes]:
    """Yield three parts. Before the last one something happens."""
    yield WHOLE[:PART]
    yield WHOLE[PART : 2 * PART]
    then()
    yield WHOLE[2 * PART :]


def test_each_request_may_have_another_key(rotating: MinioBackend, keyring: Keyring) -> None:
    keyring.alternates = True
    rotating.save("a.bin", yield_parts(lambda: None))
    assert rotating.open("a.bin").read() == WHOLE
    with rotating.open("b.txt", "wb") as file:
        file.write(OLD)
    assert rotating.listdir("") == ([], ["a.bin", "b.txt"])
    rotating.delete("a.bin")
    assert not rotating.exists("a.bin")
    assert set(keyring.given) == {user.access_key for user in keyring.users}


@pytest.mark.parametrize("at", range(1, 5))
def test_a_key_that_is_replaced_between_parts_ends_no_save(
    buckets: Buckets, keyring: Keyring, at: int
) -> None:
    """No request is on its way then: a server refuses one that a disabled key has signed."""
    storage = MinioBackend(
        MINIO_CREDENTIALS=keyring, MINIO_MULTIPART_PART_SIZE=PART, MINIO_MULTIPART_PARALLEL=1
    )
    keyring.rotates_at = {at}
    storage.save("a.bin", yield_parts(lambda: None))
    assert storage.open("a.bin").read() == WHOLE
    assert len(set(keyring.given)) == 2


def test_a_key_that_is_replaced_between_ranges_ends_no_reading(
    rotating: MinioBackend, keyring: Keyring
) -> None:
    rotating.save("a.bin", ContentFile(WHOLE))
    with rotating.open("a.bin") as file:
        start = file.read(1000)
        keyring.rotate()
        file.seek(-1000, 2)
        assert start + file.read() == WHOLE[:1000] + WHOLE[-1000:]


def test_a_key_that_ends_before_the_next_is_given_is_told_and_loses_nothing(
    rotating: MinioBackend, keyring: Keyring, storage: MinioBackend
) -> None:
    rotating.save("a.bin", ContentFile(OLD))
    with pytest.raises(InvalidCredentials, match="MINIO_CREDENTIALS"):
        rotating.save("a.bin", yield_parts(keyring.disable))
    for use in (rotating.exists, rotating.open, rotating.delete, rotating.listdir):
        with pytest.raises(InvalidCredentials):
            use("a.bin")
    assert storage.open("a.bin").read() == OLD
    keyring.current = 1
    assert rotating.open("a.bin").read() == OLD
    rotating.save("a.bin", yield_parts(lambda: None))
    assert rotating.open("a.bin").read() == WHOLE
    # Nobody could abort the first upload. Cleaning does.
    [left] = storage.s3.list_uploads([""])
    assert storage.s3.abort_upload(left)
