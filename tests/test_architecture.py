"""Imports go down only, between rooms and inside them; the SDK has one door."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter

from tools.rooms import FLOORS, ROOT, find_imports, find_modules, room_of

MODULES = find_modules()
# These have no code of their own.
THIN = {
    "urls",
    "dual_urls",
    "utils",
    "bgfiles.apps",
    "bgfiles.urls",
    "direct.apps",
    "direct.urls",
}
APPS = ("bgfiles", "direct")
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def test_every_module_has_a_room() -> None:
    assert {room_of(module) for module in MODULES} == set(FLOOR)


def test_every_module_finds_its_tests() -> None:
    """By its name: s3/client.py has tests/s3/test_client.py, commands have tests/management."""
    for module, path in MODULES.items():
        rooms = [room for room in module.split(".")[:-1] if room not in {"commands", "patterns"}]
        if rooms[-1:] == ["management"] and rooms[0] in APPS:
            rooms.pop()
        if path.name != "__init__.py" and module not in THIN and "migrations" not in rooms:
            test = ROOT.joinpath("tests", *rooms, f"test_{path.stem}.py")
            assert test.exists(), f"{module} has no {test.relative_to(ROOT)}"


def test_imports_go_down_between_rooms() -> None:
    for module in MODULES:
        for imported in find_imports(module):
            here, there = room_of(module), room_of(imported)
            assert here == there or FLOOR[there] < FLOOR[here], f"{module} imports {imported}"


def test_imports_go_down_inside_a_room() -> None:
    # Raises CycleError, which names the modules of the circle.
    list(TopologicalSorter({module: find_imports(module) for module in MODULES}).static_order())


def test_s3_could_be_a_package_of_its_own() -> None:
    """It imports nothing of Django. Of the package it needs the ground alone."""
    ground = set(FLOORS[0])
    for module in MODULES:
        if room_of(module) == "s3":
            assert not {name for name in list_names(module) if name.startswith("django.")}
            assert {room_of(imported) for imported in find_imports(module)} <= ground | {"s3"}


def list_names_outside(app: str) -> set[str]:
    """Return the names of the package that an app of its own uses."""
    return {
        name
        for module in MODULES
        if room_of(module) == app
        for name in list_names(module)
        if name.startswith("django_minio_backend")
        and not name.startswith(f"django_minio_backend.{app}")
    }


def test_background_files_need_only_the_storage_and_the_ranges() -> None:
    ranges = "django_minio_backend.ranges"
    assert list_names_outside("bgfiles") == {
        "django_minio_backend.MinioBackend",
        f"{ranges}.Unsatisfiable",
        f"{ranges}.parse_range",
    }


def test_direct_uploads_need_only_the_storage_and_its_errors() -> None:
    names = list_names_outside("direct") - {"django_minio_backend.MinioBackend"}
    assert {name.rpartition(".")[0] for name in names} == {"django_minio_backend.errors"}


def test_only_one_module_imports_the_sdk() -> None:
    users = {
        module
        for module in MODULES
        if any(name.split(".")[0] == "minio" for name in list_names(module))
    }
    assert users == {"storage.minio_sdk"}


def test_importing_the_package_does_not_load_the_sdk() -> None:
    code = "import sys, django_minio_backend; sys.exit('minio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def list_names(module: str) -> Iterator[str]:
    """Yield the dotted names that a module imports."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative imports hide the room"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
