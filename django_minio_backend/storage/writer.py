"""Objects as writable files. They are published when they are closed."""

from __future__ import annotations

import dis
import io
import os
import sys
import warnings
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import Any

from django_minio_backend.s3.client import ALWAYS, Client
from django_minio_backend.storage.parts import Parts
from django_minio_backend.storage.uploads import Upload

_LEAVES_WITH = dis.opmap.get("WITH_EXCEPT_START")


class ObjectWriter(io.BufferedIOBase):
    """Sends the written content, and publishes the object when it is closed.

    Until then, and after `discard()`, the old object stays. The last part is not sent yet: seek
    back to change it.
    """

    def __init__(self, client: Client, key: str, upload: Upload) -> None:
        self._name = key
        self._stored = upload.stored
        self._parts = Parts(
            client, key, partial(upload.make_headers, is_all=False), upload.parallel
        )
        self._publish = partial(replace(upload, condition=ALWAYS).put, client, key)
        self._part_size = upload.part_size
        self._pending = bytearray()
        #: The number of bytes that have been sent. `_pending` follows them.
        self._sent = 0
        self._position = 0
        self._process = os.getpid()
        self._handled = sys.exception()
        self._is_done = False
        #: True inside the file's own `with`. Its end decides, whatever closes the file before.
        self.is_held = False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    @property
    def size(self) -> int:
        """The number of bytes that the object has so far."""
        return self._sent + len(self._pending)

    def tell(self) -> int:
        self._check_open()
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position that has not been sent yet, or beyond the end.

        Raises io.UnsupportedOperation for another position, and for the start of an empty file:
        there `zipfile` tests whether it can go back to any entry, and else streams.
        """
        self._check_open()
        bases = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}
        if whence not in bases:
            raise ValueError(f"whence must be 0, 1 or 2, not {whence}")
        position = bases[whence] + offset
        if position < 0:
            raise ValueError(f"negative seek position {position}")
        if whence == os.SEEK_SET and not self.size:
            raise io.UnsupportedOperation(f"'{self._name}' is written as a stream.")
        if position < self._sent:
            raise io.UnsupportedOperation(
                f"The first {self._sent:,} bytes of '{self._name}' have been sent and cannot be "
                "changed: raise MINIO_MULTIPART_PART_SIZE to the size of the file, or write it "
                "to a temporary file and save that."
            )
        self._position = position
        return position

    def truncate(self, size: int | None = None) -> int:
        self._check_open()
        size = self._position if size is None else size
        if size < self._sent:
            raise io.UnsupportedOperation(f"'{self._name}' has been sent beyond byte {size:,}.")
        del self._pending[size - self._sent :]
        self._fill(size)
        return size

    def write(self, data: Any) -> int:
        self._check_open()
        view = memoryview(data).cast("B")
        self._fill(self._position)
        for start in range(0, len(view), self._part_size):
            self._take(view[start : start + self._part_size])
        return len(view)

    def _fill(self, size: int) -> None:
        """Lengthen the file with zeros, as on a disk."""
        end = self._position
        while (missing := size - self.size) > 0:
            self._position = self.size
            self._take(memoryview(bytes(min(missing, self._part_size))))
        self._position = end

    def _take(self, piece: memoryview) -> None:
        start = self._position - self._sent
        room = self._part_size - start
        self._pending[start : start + min(len(piece), room)] = piece[:room]
        self._position += len(piece)
        # A full part waits until more comes: a file of exactly one part is a single request.
        if len(piece) > room:
            full, self._pending = self._pending, bytearray(piece[room:])
            self._sent += len(full)
            self._send(full)

    def _send(self, part: bytearray) -> None:
        try:
            self._parts.put(part)
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Discard the written content and close."""
        if self._is_done:
            return
        self._is_done = True
        super().close()
        self._pending = bytearray()
        # A forked child has a copy of its parent's open file.
        if self._process == os.getpid():
            self._parts.abort()

    def close(self) -> None:
        """Publish the object. If that fails, raise the error; the old object stays.

        Inside the file's own `with` this does nothing, and the end of `with` decides: a text layer
        or an archive closes the file whether or not it is complete. Nothing is published either if
        an exception leaves another `with`, or in a forked child.
        """
        if self.is_held:
            super().close()
        elif not self._is_done:
            if self._process != os.getpid() or self._is_left_by_exception():
                self.discard()
            else:
                self.publish()

    def publish(self) -> None:
        """Store the object and close."""
        if self._is_done:
            return
        try:
            if self._parts.has_started:
                self._parts.put(self._pending)
                self._parts.finish()
            else:
                self._publish(self._pending)
        except BaseException:
            self.discard()
            raise
        self._is_done = True
        super().close()
        self._pending = bytearray()
        self._stored(self._name)

    def _is_left_by_exception(self) -> bool:
        """Return True if a `with` closes this file because of an exception.

        Django's FieldFile closes its file in `__exit__` without the reason. The layers of `io` do
        so too, and of their `__exit__` only the caller can be seen.
        """
        if sys.exception() in {None, self._handled}:
            return False
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_name == "close":
            frame = frame.f_back
        if frame is None or frame.f_code.co_name == "__exit__":
            return frame is not None
        return frame.f_code.co_code[frame.f_lasti] == _LEAVES_WITH

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")

    def __del__(self) -> None:
        # A file that was never closed is incomplete.
        if not self._is_done:
            self.discard()
            warnings.warn(f"{self._name!r} was never closed and not stored", ResourceWarning, 2)
