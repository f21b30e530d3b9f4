"""Imports go down the layers only, and the SDK has one door."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import django_minio_backend

PACKAGE = Path(django_minio_backend.__file__).parent
LAYERS = [
    {"checksums", "compression", "errors", "names", "policies", "ranges", "signing", "wire"},
    {"answers", "parsing", "sources"},
    {"bucket_settings", "headers"},
    {"options"},
    {"declared"},
    {"pools", "sdk"},
    {"transport"},
    {"bodies", "bucket_client"},
    {"parts_client"},
    {"client"},
    {"reader", "uploads", "links", "buckets", "health"},
    {"writer"},
    {"configured", "files"},
    {"storage"},
    {"staticfiles"},
    {"collect"},
    {"dual"},
    {"orphans", "places"},
    {"bucket_place"},
    {"transfer"},
    {"checks", "health_check", "models", "start", "utils", "views"},
    {"apps", "dual_urls", "management", "urls"},
    {"__init__"},
    {"bgfiles"},
]
LEVEL = {module: level for level, modules in enumerate(LAYERS) for module in modules}


def module_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative imports hide the layer"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_module_has_a_layer() -> None:
    assert {module_of(path) for path in PACKAGE.rglob("*.py")} == set(LEVEL)


def test_imports_go_down_only() -> None:
    for path in PACKAGE.rglob("*.py"):
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "django_minio_backend" and len(parts) > 1 and parts[1] in LEVEL:
                upper, lower = LEVEL[module_of(path)], LEVEL[parts[1]]
                within = module_of(path) == parts[1] and parts[1] in {"management", "bgfiles"}
                assert lower < upper or within, f"{path.name} imports {name}"


def test_background_files_need_only_the_storage_and_the_ranges() -> None:
    package = "django_minio_backend"
    used = {
        name
        for path in (PACKAGE / "bgfiles").rglob("*.py")
        for name in imports(path)
        if name.startswith(package) and not name.startswith(f"{package}.bgfiles")
    }
    ranges = {f"{package}.ranges{name}" for name in ("", ".Unsatisfiable", ".parse_range")}
    assert used == {package, f"{package}.MinioBackend"} | ranges


def test_only_one_module_imports_the_sdk() -> None:
    users = {
        module_of(path)
        for path in PACKAGE.rglob("*.py")
        if any(name.split(".")[0] == "minio" for name in imports(path))
    }
    assert users == {"sdk"}


def test_importing_the_package_does_not_load_the_sdk() -> None:
    import subprocess
    import sys

    code = "import sys, django_minio_backend; sys.exit('minio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
