"""The listed files of both ends of a transfer, on disk: memory does not grow with them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django_minio_backend.moving.adapters import Item

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE source (
    name BLOB, size INTEGER, etag TEXT, stamp TEXT, fault TEXT, copy_of TEXT
);
CREATE TABLE target (
    name BLOB PRIMARY KEY, size INTEGER, etag TEXT, stamp TEXT, fault TEXT, copy_of TEXT
) WITHOUT ROWID;
CREATE TABLE needed (name BLOB PRIMARY KEY) WITHOUT ROWID;
"""
# Only the files that rows refer to, if the parameter is true.
_COUNT_SOURCE = """
SELECT count(*), total(size) FROM source WHERE NOT ? OR name IN (SELECT name FROM needed)
"""
_LIST_SOURCE = """
SELECT name, size, etag, stamp, fault, copy_of FROM source
WHERE NOT ? OR name IN (SELECT name FROM needed)
"""
_FIND_TARGET = "SELECT name, size, etag, stamp, fault, copy_of FROM target WHERE name = ?"
_LIST_MISSING = "SELECT name FROM needed EXCEPT SELECT name FROM source ORDER BY name"
_COUNT_EXTRA = """
SELECT count(*) FROM (SELECT name FROM target EXCEPT SELECT name FROM source)
"""
_LIST_UNNEEDED_EXTRA = """
SELECT name, size, etag, stamp, fault, copy_of FROM target WHERE name IN (
    SELECT name FROM target EXCEPT SELECT name FROM source EXCEPT SELECT name FROM needed
) ORDER BY name
"""
# The rows that are written or read at once.
_BATCH = 1000


class Inventory:
    """The files that were listed, and the names that rows refer to.

    SQLite keeps them in a temporary file, which ends with the object. Threads may share it.
    """

    def __init__(self) -> None:
        # The empty name stands for a temporary file.
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._database.executescript(_SCHEMA)
        self._lock = threading.Lock()

    def close(self) -> None:
        self._database.close()

    def add_source(self, items: Iterable[Item]) -> None:
        self._add("INSERT INTO source VALUES (?, ?, ?, ?, ?, ?)", map(_make_row, items))

    def add_target(self, items: Iterable[Item]) -> None:
        self._add("INSERT OR REPLACE INTO target VALUES (?, ?, ?, ?, ?, ?)", map(_make_row, items))

    def add_needed(self, names: Iterable[str]) -> None:
        """Remember names that rows refer to."""
        self._add("INSERT OR IGNORE INTO needed VALUES (?)", ((_encode(n),) for n in names))

    def measure_source(self, *, only_needed: bool = False) -> tuple[int, int]:
        """Return the number of the source's files, and their bytes."""
        [[count, size]] = self._read(_COUNT_SOURCE, only_needed)
        return count, int(size)

    def list_source(self, *, only_needed: bool = False) -> Iterator[Item]:
        """Yield the source's files in the order in which they were listed."""
        return map(_make_item, self._read(_LIST_SOURCE, only_needed))

    def find_target(self, name: str) -> Item | None:
        """Return the target's file of this name, None if it was not listed."""
        with self._lock:
            row = self._database.execute(_FIND_TARGET, (_encode(name),)).fetchone()
        return None if row is None else _make_item(row)

    def list_missing(self) -> Iterator[str]:
        """Yield the needed names that the source does not have, sorted."""
        return (_decode(name) for (name,) in self._read(_LIST_MISSING))

    def count_extra(self) -> int:
        """Return the number of files that only the target has."""
        [[count]] = self._read(_COUNT_EXTRA)
        return int(count)

    def list_unneeded_extra(self) -> Iterator[Item]:
        """Yield the files that only the target has and that no row needs, sorted by name."""
        return map(_make_item, self._read(_LIST_UNNEEDED_EXTRA))

    def _add(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        rows = iter(rows)
        # The rows may come slowly: the lock is free meanwhile.
        while batch := list(islice(rows, _BATCH)):
            with self._lock:
                self._database.execute("BEGIN")
                self._database.executemany(statement, batch)
                self._database.execute("COMMIT")

    def _read(self, query: str, *parameters: Any) -> Iterator[Any]:
        with self._lock:
            cursor = self._database.execute(query, parameters)
        while True:
            with self._lock:
                rows = cursor.fetchmany(_BATCH)
            if not rows:
                return
            yield from rows


_Row = tuple[bytes, int, str, str, str, str]


def _make_row(item: Item) -> _Row:
    name = _encode(item.name)
    return name, item.size, item.etag, item.stamp, _clean(item.fault), item.copy_of


def _make_item(row: _Row) -> Item:
    name, size, etag, stamp, fault, copy_of = row
    return Item(_decode(name), size, etag, stamp, fault, copy_of)


def _encode(name: str) -> bytes:
    # A name on a disk may hold bytes that are no UTF-8.
    return name.encode("utf-8", "surrogatepass")


def _decode(name: bytes) -> str:
    return name.decode("utf-8", "surrogatepass")


def _clean(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
