"""A folder on a disk as an end of a move."""

from __future__ import annotations

import os
import posixpath
import secrets
import stat
import time
from collections.abc import Hashable, Sequence

from django_minio_backend.moving.adapters import Adapter, Content, Item, NoFile
from django_minio_backend.s3.checksums import Checked

# The longest time, in nanoseconds, in which a file system may give two writes one time.
_TICK = 3 * 10**9


class FileSystemAdapter(Adapter):
    """A FileSystemStorage. Files are written under another name first, and keep their times."""

    def _list_folder(self, folder: str) -> tuple[list[str], list[str]]:
        path = self.storage.path(folder)
        above = os.path.join(os.path.realpath(os.path.dirname(path)), "")
        if folder and above.startswith(os.path.join(os.path.realpath(path), "")):
            raise OSError("it is a link to a folder that it is in")
        return super()._list_folder(folder)

    @property
    def container_and_prefix(self) -> tuple[Hashable, str]:
        if not self.storage.base_location:  # static files without STATIC_ROOT
            return id(self.storage), ""
        return "files", os.path.join(os.path.realpath(self.storage.location), "")

    def _make_item(self, name: str) -> Item:
        status = os.stat(self.storage.path(name))
        if not stat.S_ISREG(status.st_mode):
            raise NoFile("is no file but a pipe, a socket or a device: left out")
        # The second time cannot be set, as tools do that restore a file with its first one.
        return Item(name, status.st_size, stamp=f"{status.st_mtime_ns}-{status.st_ctime_ns}")

    def version_of(self, item: Item) -> str:
        return f"{self.fingerprint}-{item.stamp}" if item.stamp else ""

    def open(self, item: Item, *, raw: bool = False) -> Content:
        now = time.time_ns()
        content = super().open(item, raw=raw)
        opened = self._make_item(item.name)
        # A file that was just written can be written again within the same tick of the clock.
        written = max(map(int, opened.stamp.split("-")))
        if written < now - _TICK:
            content.version = self.version_of(opened)
        return content

    def read_content_size(self, item: Item) -> int | None:
        return item.size

    def store(
        self, name: str, checked: Checked, content: Content, target_item: Item | None
    ) -> None:
        partial = posixpath.join(posixpath.dirname(name), f".{secrets.token_hex(8)}.partial")
        try:
            super().store(partial, checked, content, None)
            if content.modified is not None:
                os.utime(self.storage.path(partial), (content.modified.timestamp(),) * 2)
            self._put_in_place(partial, name, target_item)
        finally:
            self.storage.delete(partial)

    def _put_in_place(self, partial: str, name: str, target_item: Item | None) -> None:
        new, final = self.storage.path(partial), self.storage.path(name)
        if target_item is None:
            _move_to_free_name(new, final)
            return
        self._check(name, target_item)
        # Some file systems take Photo.jpg for photo.jpg: then it is another file.
        if os.path.basename(final) not in os.listdir(os.path.dirname(final)):
            raise FileExistsError(f"'{self.alias}' takes another file's name for this one.")
        os.replace(new, final)

    def delete(self, names: Sequence[str]) -> dict[str, str]:
        """Delete files, except those that a symbolic link leads to from elsewhere."""
        root = self.container_and_prefix[1]
        linked = {name for name in names if not self._is_below(root, name)}
        failed = dict.fromkeys(linked, "A symbolic link leads there.")
        return failed | super().delete([name for name in names if name not in linked])

    def _is_below(self, root: str, name: str) -> bool:
        folder = os.path.dirname(self.storage.path(name))
        return os.path.join(os.path.realpath(folder), "").startswith(root)


def _move_to_free_name(new: str, final: str) -> None:
    """Move a file. Raises FileExistsError if there is one of the new name."""
    try:
        os.link(new, final)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(final):
            raise FileExistsError(final) from None
        os.rename(new, final)
