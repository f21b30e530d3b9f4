"""A storage under examination: requests that leave no trace."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from django_minio_backend.errors import StorageError
from django_minio_backend.names import quote_key
from django_minio_backend.s3.client import Client
from django_minio_backend.s3.connections import find_live_server
from django_minio_backend.s3.http import Response
from django_minio_backend.s3.server import Server
from django_minio_backend.storage.backend import MinioBackend

#: The seconds that one request may take. An examination takes some forty requests.
TIMEOUT = 5.0
CONTENT = b"0123456789"


class Patient:
    """A storage whose server is probed with objects below a folder of its own.

    `clean` deletes them, each with its version. Requests are not repeated.
    """

    def __init__(self, storage: MinioBackend) -> None:
        self.storage = storage
        self.client: Client = storage.s3.with_server(
            connect_timeout=TIMEOUT, read_timeout=TIMEOUT, retries=0
        )
        self.folder = f"{storage.options.prefix}.doctor-{secrets.token_hex(8)}/"
        # The keys and versions of the objects that were stored.
        self._stored: list[tuple[str, str]] = []

    def key(self, name: str) -> str:
        return self.folder + name

    def name(self, name: str) -> str:
        """Return the storage's name of an object."""
        return self.key(name).removeprefix(self.storage.options.prefix)

    def put(
        self,
        name: str,
        body: Any = CONTENT,
        headers: Mapping[str, str] = MappingProxyType({}),
        **keywords: Any,
    ) -> Response:
        """Store an object, and remember it. Raises StorageError."""
        key = self.key(name)
        declared = self.storage.options.sse
        sent = {"Content-Type": "text/plain", **declared, **headers}
        response = self.client.transport.send("PUT", key, headers=sent, body=body, **keywords)
        self._stored.append((key, response.headers.get("x-amz-version-id", "")))
        return response

    def put_in_parts(self, name: str, body: bytes, condition: Mapping[str, str]) -> None:
        """Store an object as large files are stored, and remember it. Raises StorageError."""
        upload = self.client.start_upload(self.key(name), self.storage.options.sse)
        try:
            etag = self.client.put_part(upload, 1, body)
            self.client.finish_upload(upload, [etag], condition)
        except StorageError:
            with suppress(StorageError):
                upload.abort()
            raise
        version = self.send("HEAD", name).headers.get("x-amz-version-id", "")
        self.remember(name, version)

    def send(
        self, method: str, name: str, headers: Mapping[str, str] = MappingProxyType({})
    ) -> Response:
        sent = {**self.client.key_headers, **headers}
        return self.client.transport.send(method, self.key(name), headers=sent)

    def ask_as_stranger(
        self,
        method: str,
        name: str = "",
        query: str = "",
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Response:
        """Send a request without a signature, for an object or for the bucket."""
        path = f"/{self.storage.bucket}" + (f"/{quote_key(self.key(name))}" if name else "")
        server = self.client.server
        return ask(server, method, f"{path}?{query}" if query else path, headers)

    def ask_outside(
        self,
        method: str,
        link: str,
        headers: Mapping[str, str] = MappingProxyType({}),
        body: bytes = b"",
    ) -> Response:
        """Follow a link, as a browser does."""
        endpoint = self.storage.options.external_endpoint
        target = endpoint.path + link.removeprefix(endpoint.url)
        outside = dataclasses.replace(self.client.server, endpoint=endpoint)
        return ask(outside, method, target, headers, body)

    def remember(self, name: str, version: str = "") -> None:
        """Let `clean` delete an object that another request stored."""
        self._stored.append((self.key(name), version))

    def clean(self) -> list[str]:
        """Delete the stored objects. Return the keys of those that remain."""
        for key, version in self._stored:
            query = [("versionId", version)] if version else []
            with suppress(StorageError):
                self.client.transport.send("DELETE", key, query=query)
        try:
            pages = list(self.client.list_pages(self.folder))
        except StorageError:
            return []
        return [entry.key for page in pages for entry in page.entries]


def ask(
    server: Server, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
) -> Response:
    """Send a request without a signature. Raises HTTPFault without a response."""
    sent = {"Host": server.endpoint.netloc, **headers}
    return find_live_server(server).pool.request(method, target, sent, body)
