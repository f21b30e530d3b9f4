"""Objects as writable files, which are published when they are closed and not before."""

from __future__ import annotations

import io
import os
import sys
import warnings
from dataclasses import replace
from functools import partial
from typing import Any

from django_minio_backend.client import Client
from django_minio_backend.uploads import Parts, Upload


class ObjectWriter(io.BufferedIOBase):
    """Sends what is written to it and publishes the object when it is closed.

    Until then, and after `discard()`, the old object stays as it was.
    """

    def __init__(self, client: Client, key: str, upload: Upload) -> None:
        self._name = key
        self._stored = upload.stored
        self._parts = Parts(client, key, upload.headers, upload.parallel)
        self._publish = partial(replace(upload, only_new=False).put, client, key)
        self._part_size = upload.part_size
        self._pending = bytearray()
        self._position = 0
        self._process = os.getpid()
        self._handled = sys.exception()
        #: Set by who knows that it is left cleanly, whatever `close` may guess.
        self.left_cleanly = False

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any) -> int:
        if self.closed:
            raise ValueError("write to closed file")
        view = memoryview(data).cast("B")
        for start in range(0, len(view), self._part_size):
            self._take(view[start : start + self._part_size])
        self._position += len(view)
        return len(view)

    def _take(self, piece: memoryview) -> None:
        room = self._part_size - len(self._pending)
        self._pending += piece[:room]
        # A full part waits until more comes: a file of exactly one part is a single request.
        if len(piece) > room:
            full, self._pending = self._pending, bytearray(piece[room:])
            self._send(full)

    def _send(self, part: bytearray) -> None:
        try:
            self._parts.put(part)
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Throw away what was written and close."""
        if self.closed:
            return
        super().close()
        self._pending = bytearray()
        # A forked child has a copy of a file that its parent is still writing.
        if self._process == os.getpid():
            self._parts.abort()

    def close(self) -> None:
        """Publish the object. Raises when that fails, with the old object as it was.

        Not when a `with` block is being left by an exception, nor in a forked child.
        """
        if self.closed:
            return
        if self._process != os.getpid() or (not self.left_cleanly and self._is_left_by_exception()):
            self.discard()
            return
        try:
            if self._parts.begun:
                self._parts.put(self._pending)
                self._parts.finish()
            else:
                self._publish(self._pending)
        except BaseException:
            self.discard()
            raise
        super().close()
        self._stored(self._name)

    def _is_left_by_exception(self) -> bool:
        """Say whether some `__exit__` calls this with an exception on its way.

        Django's FieldFile closes its file in `__exit__` without passing on why.
        """
        if sys.exception() in {None, self._handled}:
            return False
        frame = sys._getframe(1)
        while frame is not None and frame.f_code.co_name in {"close", "__exit__"}:
            if frame.f_code.co_name == "__exit__":
                return True
            frame = frame.f_back  # type: ignore[assignment]
        return False

    def __del__(self) -> None:
        # A file that was never closed was never finished.
        if not self.closed:
            self.discard()
            warnings.warn(f"{self._name!r} was never closed and not stored", ResourceWarning, 2)
