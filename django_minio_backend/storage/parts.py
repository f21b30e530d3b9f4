"""An upload in parts, several at once."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from typing import Any

from django_minio_backend.errors import StorageError
from django_minio_backend.s3.client import ALWAYS, Client
from django_minio_backend.s3.multipart import MAX_PARTS, UPLOAD, MultipartUpload
from django_minio_backend.s3.payloads import Part


class Parts:
    """An upload in parts. It starts with the first part, and is invisible until it is finished.

    Up to `parallel` parts are sent at once. `put` waits for room, and raises the error of an
    earlier part. `make_headers` gets the first part and returns the headers of the object.
    `arrived` gets the number of bytes of each part that has arrived.
    """

    def __init__(
        self,
        client: Client,
        key: str,
        make_headers: Callable[[Any], Mapping[str, str]],
        parallel: int,
        arrived: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._client = client
        self._key = key
        self._make_headers = make_headers
        self._parallel = parallel
        self._on_part_sent = arrived
        self._threads = ThreadPoolExecutor(parallel, thread_name_prefix="upload")
        self._token = secrets.token_hex(8)
        self._upload: MultipartUpload | None = None
        self._sizes: dict[Future[str], int] = {}
        self._pending: set[Future[str]] = set()

    def put(self, block: Part) -> None:
        if len(self._sizes) == MAX_PARTS:
            raise ValueError(
                f"'{self._key}' has more than {MAX_PARTS:,} parts, which is S3's limit: "
                "raise MINIO_MULTIPART_PART_SIZE."
            )
        if not self._upload:
            headers = {**self._make_headers(block), UPLOAD: self._token}
            self._upload = self._client.start_upload(self._key, headers)
        self._wait_for_room(self._parallel - 1)
        number = len(self._sizes) + 1
        part = self._begin(partial(self._client.put_part, self._upload, number, block))
        self._pending.add(part)
        self._sizes[part] = len(block)

    def _begin(self, send: Callable[[], str]) -> Future[str]:
        try:
            return self._threads.submit(send)
        except RuntimeError:
            # The interpreter is ending and starts no more threads: send it in this one.
            sent: Future[str] = Future()
            sent.set_result(send())
            return sent

    def finish(self, condition: Mapping[str, str] = ALWAYS) -> None:
        assert self._upload is not None
        self._wait_for_room(0)
        self._threads.shutdown()
        etags = [part.result() for part in self._sizes]
        self._client.finish_upload(self._upload, etags, condition, self._token)

    def abort(self) -> None:
        # A part that arrives after the abort would stay on the server for ever.
        self._threads.shutdown(cancel_futures=True)
        if self._upload:
            # The earlier failure is the one to report.
            with suppress(StorageError):
                self._upload.abort()

    @property
    def has_started(self) -> bool:
        return bool(self._upload)

    def _wait_for_room(self, most: int) -> None:
        """Wait until at most `most` parts are being sent."""
        while len(self._pending) > most:
            landed, self._pending = wait(self._pending, return_when=FIRST_COMPLETED)
            for part in landed:
                part.result()
                self._on_part_sent(self._sizes[part])
