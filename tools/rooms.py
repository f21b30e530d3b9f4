"""The rooms of the package, found in its imports, and a picture of them for CONTRIBUTE.md.

`python -m tools.rooms` writes the picture anew.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = "django_minio_backend"
DOCUMENT = ROOT / "CONTRIBUTE.md"
#: The rooms from the ground up. A module imports from its own room and from lower floors.
FLOORS: list[list[str]] = [
    ["errors", "names", "ranges", "parallel", "redaction", "shards"],
    ["s3"],
    ["config"],
    ["buckets"],
    ["storage"],
    ["staticfiles", "references"],
    ["moving", "models"],
    ["checks", "doctor", "utils", "views", "health_check", "startup"],
    ["apps", "urls", "dual_urls"],
    ["__init__"],
    ["management", "bgfiles", "direct"],
]
_PICTURE = re.compile(r"```mermaid\n.*?```", re.DOTALL)


@cache
def find_modules() -> dict[str, Path]:
    """Return the paths of the modules by their dotted names below the package."""
    folder = ROOT / PACKAGE
    modules = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        if parts[-1] != "__init__":
            modules[".".join(parts)] = path
        elif path.read_text().strip() or len(parts) == 1:
            modules[".".join(parts[:-1]) or "__init__"] = path
    return modules


def room_of(module: str) -> str:
    return module.partition(".")[0]


@cache
def find_imports(module: str) -> frozenset[str]:
    """Return the modules of the package that a module imports when it is loaded or called."""
    modules = find_modules()
    imports = set()
    for node in ast.walk(ast.parse(modules[module].read_text())):
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        package, _, base = node.module.partition(".")
        if package == PACKAGE:
            for alias in node.names:
                longer = f"{base}.{alias.name}".lstrip(".")
                imports.add(longer if longer in modules else base or "__init__")
    return frozenset(imports - {module})


def draw_picture() -> str:
    """Return the rooms and their imports as a Mermaid diagram.

    An arrow is left out if others lead the same way.
    """
    uses: dict[str, set[str]] = {room: set() for rooms in FLOORS for room in rooms}
    for module in find_modules():
        uses[room_of(module)] |= {room_of(imported) for imported in find_imports(module)}
    ground = set(FLOORS[0])
    lines = ["```mermaid", "flowchart TD", f"    ground[{' · '.join(FLOORS[0])}]"]
    for rooms in FLOORS[1:]:
        for room in rooms:
            lower = {"ground" if other in ground else other for other in uses[room] - {room}}
            lines += [
                f"    {room} --> {other}"
                for other in sorted(lower)
                if not any(other in _reach(uses, between) for between in lower - {other})
            ]
    return "\n".join([*lines, "```"])


def _reach(uses: dict[str, set[str]], room: str) -> set[str]:
    """Return the rooms below a room, the ground as one."""
    if room == "ground":
        return set()
    below = {"ground" if other in FLOORS[0] else other for other in uses[room] - {room}}
    return below.union(*(_reach(uses, other) for other in below))


def main() -> None:
    text = DOCUMENT.read_text()
    DOCUMENT.write_text(_PICTURE.sub(lambda match: draw_picture(), text))


if __name__ == "__main__":
    main()
