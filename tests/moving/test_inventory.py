"""The files of both ends are compared on disk, in memory that does not grow with them."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator

import pytest

from django_minio_backend.moving.adapters import Item
from django_minio_backend.moving.inventory import Inventory
from tests.sizes import MIB


@pytest.fixture
def inventory() -> Iterator[Inventory]:
    made = Inventory()
    yield made
    made.close()


ITEMS = [
    Item("b.txt", 2, "etag", "stamp"),
    Item("a/ü.txt", 3),
    Item("a/", 0, fault="cannot be listed: \udcff"),
    Item("broken\udcff.txt", 2**40),
]


def test_files_come_back_as_they_were_listed(inventory: Inventory) -> None:
    inventory.add_source(ITEMS)
    inventory.add_target(ITEMS)
    found = list(inventory.list_source())
    assert found[:2] == ITEMS[:2]
    assert found[2].fault == "cannot be listed: \\udcff"
    assert found[3] == ITEMS[3]
    assert inventory.measure_source() == (4, 2**40 + 5)
    assert inventory.find_target("broken\udcff.txt") == ITEMS[3]
    assert inventory.find_target("none") is None


def test_rows_limit_what_is_listed_and_keep_what_is_extra(inventory: Inventory) -> None:
    inventory.add_source([Item("a", 1), Item("b", 2)])
    inventory.add_target([Item("b", 2), Item("d", 4), Item("c", 3), Item("e", 5)])
    assert inventory.count_extra() == 3
    inventory.add_needed(["b", "d", "z", "b"])
    assert list(inventory.list_source(only_needed=True)) == [Item("b", 2)]
    assert inventory.measure_source(only_needed=True) == (1, 2)
    assert list(inventory.list_missing()) == ["d", "z"]
    assert [item.name for item in inventory.list_unneeded_extra()] == ["c", "e"]


def test_a_name_that_is_listed_twice_counts_once_in_the_target(inventory: Inventory) -> None:
    inventory.add_target([Item("a", 1), Item("a", 2)])
    assert inventory.find_target("a") == Item("a", 2)


def test_threads_find_files_while_others_are_listed(inventory: Inventory) -> None:
    inventory.add_source(Item(str(number), number) for number in range(5000))
    inventory.add_target(Item(str(number), number) for number in range(5000))
    wrong: list[int] = []

    def look(start: int) -> None:
        numbers = range(start, 5000, 4)
        wrong.extend(n for n in numbers if inventory.find_target(str(n)) != Item(str(n), n))

    threads = [threading.Thread(target=look, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    assert sum(item.size for item in inventory.list_source()) == sum(range(5000))
    for thread in threads:
        thread.join(60)
    assert wrong == []


def test_memory_does_not_grow_with_the_files(inventory: Inventory) -> None:
    def make(count: int) -> Iterator[Item]:
        return (Item(f"folder/{number:09}.jpg", number, "e" * 32) for number in range(count))

    inventory.add_source(make(10))
    tracemalloc.start()
    try:
        inventory.add_source(make(100_000))
        inventory.add_target(make(100_000))
        assert sum(1 for _ in inventory.list_source()) == 100_010
        assert tracemalloc.get_traced_memory()[1] < 3 * MIB
    finally:
        tracemalloc.stop()
