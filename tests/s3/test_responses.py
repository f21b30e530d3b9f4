from __future__ import annotations

import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import urllib3
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend, errors
from tests.hostile import Answer, hostile, listing, storage_at
from tests.s3.conftest import MODIFIED
from tests.sizes import MIB

LOGIN = "<html><body>Please log in</body></html>"


Use = Callable[[MinioBackend], object]


USES: dict[str, Use] = {
    "exists": lambda s: s.exists("a.txt"),
    "size": lambda s: s.size("a.txt"),
    "open": lambda s: s.open("a.txt").read(),
    "delete": lambda s: s.delete("a.txt"),
    "delete many": lambda s: s.delete_keys(["a.txt"]),
    "save": lambda s: s.save("a.txt", ContentFile(b"x")),
    "replace": lambda s: s.s3.put("a.txt", b"x", {}),
    "save in parts": lambda s: s.save("a.txt", iter([b"x" * s.options.multipart_part_size, b"y"])),
    "listdir": lambda s: s.listdir(""),
    "create a bucket": lambda s: s.s3.bucket.create(),
    "check a bucket": lambda s: s.s3.bucket.exists(),
    "read a policy": lambda s: s.s3.bucket.read_policy(),
    "set a policy": lambda s: s.set_bucket_policy(s.bucket, {}),
    "remove a policy": lambda s: s.s3.bucket.set_policy(None),
    "read tags": lambda s: s.s3.read_tags("a.txt"),
}


# A page that has an ETag cannot be told from an object.
UNTOLD = {"exists", "size", "open", "save", "replace"}


@pytest.mark.parametrize(
    ("use", "etag"),
    [(use, etag) for use in USES for etag in ("", '"w"') if not etag or use not in UNTOLD],
)
@pytest.mark.parametrize("body", [LOGIN, "", "[]"], ids=["login page", "nothing", "a list"])
def test_a_page_that_answers_everything_is_not_believed(use: str, body: str, etag: str) -> None:
    headers = {"Content-Type": "text/html", **({"ETag": etag} if etag else {})}
    with hostile(Answer(200, body, headers)) as server, pytest.raises(errors.UnexpectedAnswer):
        USES[use](storage_at(server.endpoint))


@contextmanager
def flooding(head: str, block: bytes = b"<a/>" * 2**14) -> Iterator[str]:
    """Yield the endpoint of a server whose answers never end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_flood, args=(listener, head.encode(), block), daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def _flood(listener: socket.socket, head: bytes, block: bytes) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with suppress(OSError), connection:
                connection.recv(2**16)
                connection.sendall(head)
                while True:
                    connection.sendall(block)


ENDLESS = "HTTP/1.1 {} OK\r\nConnection: close\r\nServer: MinIO\r\n\r\n"


BOUNDED: dict[str, Use] = {
    "listdir": USES["listdir"],
    "delete many": USES["delete many"],
    "read a policy": USES["read a policy"],
    "health": lambda s: s.is_minio_available(),
}


@pytest.mark.parametrize("use", BOUNDED)
@pytest.mark.parametrize("status", [200, 403])
@pytest.mark.parametrize("own_client", [False, True])
def test_memory_is_bounded_whatever_is_answered(use: str, status: int, own_client: bool) -> None:
    with flooding(ENDLESS.format(status)) as endpoint, urllib3.PoolManager(retries=False) as own:
        more = {"MINIO_HTTP_CLIENT": own} if own_client else {}
        storage = storage_at(endpoint, **more)
        tracemalloc.start()
        try:
            with suppress(errors.StorageError):
                status_found = BOUNDED[use](storage)
                assert not status_found
            assert tracemalloc.get_traced_memory()[1] < 80 * MIB
        finally:
            tracemalloc.stop()


def test_an_answer_that_is_too_long_says_so() -> None:
    with flooding(ENDLESS.format(200)) as endpoint:
        with pytest.raises(errors.UnexpectedAnswer, match="more than 16,777,216 bytes"):
            storage_at(endpoint, MINIO_RETRIES=3).listdir("")


@pytest.mark.parametrize(
    "headers", [{}, {"Last-Modified": "some day"}, {**MODIFIED, "Content-Length": "many"}]
)
def test_headers_of_no_object_are_no_object(headers: dict[str, str]) -> None:
    with (
        hostile(Answer(200, headers=headers)) as server,
        pytest.raises(errors.StorageError, match=r"object 'a\.txt'"),
    ):
        storage_at(server.endpoint).size("a.txt")


@pytest.mark.parametrize("entry", ["", "<Key>a</Key>", "<Key>a</Key><Size>big</Size>"])
def test_a_listing_with_half_an_entry_is_refused(entry: str) -> None:
    with (
        hostile(listing(f"<Contents>{entry}</Contents>")) as server,
        pytest.raises(errors.UnexpectedAnswer, match="entries"),
    ):
        storage_at(server.endpoint).listdir("")


def test_a_listing_that_is_not_encoded_is_not_decoded() -> None:
    page = listing("<Contents><Key>a+b%20c</Key><Size>1</Size></Contents>")
    with hostile(page) as server:
        assert storage_at(server.endpoint).listdir("") == ([], ["a+b%20c"])
