"""The operations that must end whole or in a named error, and the proof of their state."""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.management import call_command
from django.test import override_settings

from django_minio_backend import MinioBackend
from django_minio_backend.s3.multipart import MultipartUpload

PART = 5 * 2**20
OLD, NEW = b"the old content, whole", b"the new content, another length"
LARGE = bytes(range(256)) * 48 * 2**10  # 12 MiB: three parts
NEIGHBOUR = b"somebody else's"


@dataclass(frozen=True)
class Ends:
    """The same folder of the same bucket: by the line with the faults, and without it."""

    shaky: MinioBackend
    direct: MinioBackend
    options: dict[str, Any]

    def read(self, name: str) -> bytes | None:
        """Return what the server really holds, None if there is no such object."""
        if not self.direct.exists(name):
            return None
        with self.direct.open(name) as file:
            content: bytes = file.read()
            return content

    def has_parts(self, name: str) -> bool:
        """Return True if the server holds parts of an unfinished upload."""
        transport, key = self.direct.s3.transport, self.direct.key(name)
        listed = transport.send("GET", query=[("uploads", ""), ("prefix", key)]).data.decode()
        ids = re.findall("<UploadId>(.*?)</UploadId>", listed)
        return any(MultipartUpload(transport, key, one, {}).has_parts() for one in ids)


@dataclass(frozen=True)
class Operation:
    """`run` works by the shaky end. `check` gets its result, None after an error."""

    run: Callable[[Ends], Any]
    check: Callable[[Ends, Any], None]
    prepare: Callable[[Ends], None] = lambda ends: None
    #: The number of requests without a fault.
    requests: int = 1


def _put(name: str, content: bytes = OLD) -> Callable[[Ends], None]:
    def prepare(ends: Ends) -> None:
        ends.direct.save(name, ContentFile(content))

    return prepare


def _check_saved(content: bytes) -> Callable[[Ends, Any], None]:
    def check(ends: Ends, name: Any) -> None:
        if name is not None:
            assert ends.read(name) == content
        # A save that failed may have stored all of it, and never a part.
        for found in ends.direct.listdir("")[1]:
            if found != "neighbour.bin":
                assert ends.read(found) == content

    return check


def _check_taken(ends: Ends, name: Any) -> None:
    assert ends.read("a.bin") == OLD
    assert name != "a.bin"
    for found in ends.direct.listdir("")[1]:
        assert ends.read(found) == {"a.bin": OLD, "neighbour.bin": NEIGHBOUR}.get(found, NEW)


def _check_replaced(ends: Ends, name: Any) -> None:
    assert ends.read("a.bin") in ((NEW,) if name is not None else (OLD, NEW))


def _is(expected: object) -> Callable[[Ends, Any], None]:
    def check(ends: Ends, result: Any) -> None:
        assert result is None or result == expected

    return check


def _replace(ends: Ends) -> str:
    return MinioBackend(**ends.options, replace_existing=True).save("a.bin", ContentFile(NEW))


def _read(ends: Ends) -> bytes:
    with ends.shaky.open("a.bin") as file:
        content: bytes = file.read()
        return content


def _write(ends: Ends) -> bool:
    with ends.shaky.open("a.bin", "wb") as file:
        file.write(NEW)
    return True


def _check_deleted(ends: Ends, failed: Any) -> None:
    if failed == "done" or failed == {}:
        assert ends.read("a.bin") is None
    assert ends.read("a.bin") in (OLD, None)


def _delete(ends: Ends) -> str:
    ends.shaky.delete("a.bin")
    return "done"


def _save_large(ends: Ends) -> str:
    return ends.shaky.save("a.bin", File(io.BytesIO(LARGE)))


def _save_parts(ends: Ends) -> str:
    pieces = (LARGE[start : start + PART] for start in range(0, len(LARGE), PART))
    return ends.shaky.save("a.bin", pieces)


def _check_prefetched(ends: Ends, result: Any) -> None:
    assert result is None or result == (len(OLD), True, False)


def _prefetch(ends: Ends) -> tuple[int, bool, bool]:
    with ends.shaky.prefetch():
        return (
            ends.shaky.size("a.bin"),
            ends.shaky.exists("neighbour.bin"),
            ends.shaky.exists("none.bin"),
        )


def _prepare_many(ends: Ends) -> None:
    ends.direct.save_many((f"many/{number:04}.bin", b"x") for number in range(30))


def _copy(ends: Ends) -> str:
    """Copy a disk to the shaky end, as the command does."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(3):
            Path(folder, f"{number}.txt").write_bytes(NEW)
        disk = {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": folder},
        }
        shaky = {"BACKEND": "django_minio_backend.models.MinioBackend", "OPTIONS": ends.options}
        with override_settings(STORAGES={"default": shaky, "disk": disk}):
            quiet: dict[str, Any] = {"stdout": io.StringIO(), "stderr": io.StringIO()}
            call_command("copy_storage", source="disk", target="default", workers=1, **quiet)
    return "done"


def _check_copied(ends: Ends, result: Any) -> None:
    contents = [ends.read(f"{number}.txt") for number in range(3)]
    assert all(content in (NEW, None) for content in contents)
    if result is not None:
        assert contents == [NEW] * 3


OPERATIONS: dict[str, Operation] = {
    "save": Operation(lambda e: e.shaky.save("a.bin", ContentFile(NEW)), _check_saved(NEW)),
    "save, the name is taken": Operation(
        lambda e: e.shaky.save("a.bin", ContentFile(NEW)), _check_taken, _put("a.bin"), 2
    ),
    "replace": Operation(_replace, _check_replaced, _put("a.bin")),
    "save 12 MiB": Operation(_save_large, _check_saved(LARGE), requests=2),
    "save in parts": Operation(_save_parts, _check_saved(LARGE), requests=6),
    "write": Operation(_write, lambda e, r: _check_replaced(e, r or None), _put("a.bin")),
    "open and read": Operation(_read, _is(OLD), _put("a.bin")),
    "read 12 MiB": Operation(_read, _is(LARGE), _put("a.bin", LARGE), 3),
    "exists": Operation(lambda e: e.shaky.exists("a.bin"), _is(True), _put("a.bin")),
    "exists, there is none": Operation(lambda e: e.shaky.exists("a.bin"), _is(False)),
    "size": Operation(lambda e: e.shaky.size("a.bin"), _is(len(OLD)), _put("a.bin")),
    "get_modified_time": Operation(
        lambda e: e.shaky.get_modified_time("a.bin"),
        lambda e, r: None if r is None else _is(e.direct.get_modified_time("a.bin"))(e, r),
        _put("a.bin"),
    ),
    "listdir": Operation(
        lambda e: len(e.shaky.listdir("many")[1]),
        _is(30),
        _prepare_many,
    ),
    "prefetch": Operation(_prefetch, _check_prefetched, _put("a.bin")),
    "delete": Operation(_delete, _check_deleted, _put("a.bin")),
    "delete_many": Operation(
        lambda e: e.shaky.delete_many(["a.bin"]), _check_deleted, _put("a.bin")
    ),
    "copy_storage": Operation(_copy, _check_copied, requests=4),
}
