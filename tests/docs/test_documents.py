"""The documents hold together: links, tables of contents, data, language, and the README's size."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import (
    DOCS,
    README,
    ROOT,
    TUTORIAL,
    Block,
    list_blocks,
    list_documents,
    list_pages,
)
from tools import rooms

REPOSITORY = "https://github.com/theriverman/django-minio-backend"
RAW = "https://raw.githubusercontent.com/theriverman/django-minio-backend/main/"
DOCUMENTS = list_documents()
BLOCKS = [(page, block) for page in DOCUMENTS for block in list_blocks(page)]
LANGUAGES = {
    "python",
    "console",
    "bash",
    "shell",
    "html",
    "json",
    "yaml",
    "nginx",
    "text",
    "mermaid",
}
#: The blocks that nothing runs, with the reason. Keep them few.
ILLUSTRATIONS = {"docs/how-to/health-and-kubernetes.md": 1}  # django-health-check
#: The paths that projects may import from.
PUBLIC = re.compile(
    r"django_minio_backend(\.(models|utils|urls|dual_urls|views|health_check|ranges|apps|errors"
    r"|(bgfiles|direct)(\.\w+)*))?"
)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def read_text(page: Path) -> str:
    """Return a document without its code blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def list_anchors(page: Path) -> set[str]:
    """Return the anchors of a document's headings, as hosts of code and the site make them."""
    headings = _HEADING.findall(read_text(page))
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in plain}


def find_target(page: Path, link: str) -> Path | None:
    """Return the file of this repository that a link leads to, None for other sites."""
    for base in (f"{REPOSITORY}/blob/main/", f"{REPOSITORY}/tree/main/", RAW):
        if link.startswith(base):
            return ROOT / link.removeprefix(base)
    return None if re.match(r"\w+:", link) else page.parent / link if link else page


@pytest.mark.parametrize("page", DOCUMENTS, ids=name)
def test_every_link_into_this_repository_leads_somewhere(page: Path) -> None:
    for link in _LINK.findall(read_text(page)):
        path, _, anchor = link.partition("#")
        target = find_target(page, path)
        if target is not None:
            assert target.exists(), f"{name(page)} links to {link}"
            if anchor and target.suffix == ".md":
                assert anchor in list_anchors(target), f"{name(page)} links to {link}"


@pytest.mark.parametrize(
    "document", ["README", "CHANGELOG", "MIGRATIONS", "CONTRIBUTE", "SECURITY"]
)
def test_no_link_is_relative_where_the_document_is_shown_elsewhere(document: str) -> None:
    """The package index shows the README, and the site includes the others."""
    page = ROOT / f"{document}.md"
    assert [
        link for link in _LINK.findall(read_text(page)) if not re.match(r"https?:|#", link)
    ] == []


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 150


def test_every_page_is_in_a_table_of_contents() -> None:
    listed = {DOCS / "index.md"}
    for page in list_pages():
        for contents in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(), re.DOTALL):
            lines = [line.strip() for line in contents.splitlines()]
            listed |= {page.parent / f"{line}.md" for line in lines if line and line[0] != ":"}
    assert {page.resolve() for page in list_pages()} == {page.resolve() for page in listed}


def test_every_block_has_a_language_that_something_reads() -> None:
    assert {
        (name(page), block.language) for page, block in BLOCKS if block.language not in LANGUAGES
    } == set()


def test_few_blocks_are_not_run() -> None:
    marked = Counter(name(page) for page, block in BLOCKS if block.is_illustration)
    assert marked == ILLUSTRATIONS


def test_only_public_paths_are_imported() -> None:
    imported = {
        module
        for page, block in BLOCKS
        if block.language == "python"
        for line in re.findall(r"^(?:from|import) (django_minio_backend[\w.]*)", block.text, re.M)
        for module in [line]
    }
    assert {module for module in imported if not PUBLIC.fullmatch(module)} == set()


def list_data(language: str) -> Iterator[tuple[Path, Block]]:
    blocks = [(page, block) for page, block in BLOCKS if block.language == language]
    assert blocks
    yield from blocks


def test_yaml_is_well_formed() -> None:
    for page, block in list_data("yaml"):
        assert list(yaml.safe_load_all(block.text)), name(page)


def test_the_chooser_of_issue_templates_is_well_formed() -> None:
    folder = ROOT / ".github" / "ISSUE_TEMPLATE"
    assert yaml.safe_load((folder / "config.yml").read_text())["contact_links"]
    for template in folder.glob("*.md"):
        head = yaml.safe_load(template.read_text().split("---")[1])
        assert {"name", "about", "labels"} == set(head)


def test_json_is_well_formed() -> None:
    for _, block in list_data("json"):
        json.loads(block.text)


@pytest.mark.skipif(not shutil.which("nginx"), reason="no nginx")
def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    for page, block in list_data("nginx"):
        # nginx looks the server up when it starts.
        text = block.text.replace("//minio:", "//127.0.0.1:")
        path = tmp_path / "nginx.conf"
        path.write_text(
            f"pid {tmp_path}/pid; events {{}} http {{ access_log off; server {{ {text} }} }}"
        )
        command = ["nginx", "-t", "-c", str(path), "-p", str(tmp_path), "-e", "stderr"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 0, f"{name(page)}: {done.stderr}"


@pytest.mark.parametrize("page", [README, TUTORIAL], ids=name)
def test_readers_are_told_while_the_version_is_not_released(page: Path) -> None:
    is_unreleased = "(unreleased)" in (ROOT / "CHANGELOG.md").read_text()
    assert ("not released yet" in page.read_text()) == is_unreleased


# CONTRIBUTE.md


def test_the_picture_of_the_rooms_is_drawn_from_the_imports() -> None:
    assert rooms.draw_picture() in rooms.DOCUMENT.read_text()


def test_the_table_of_rooms_is_complete() -> None:
    table = rooms.DOCUMENT.read_text().split("| room | subject |")[1].split("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    named = {room for cell in cells for room in re.findall(r"`(\w+)`", cell)}
    assert named == {room for floor in rooms.FLOORS for room in floor} - {"__init__"}


def test_the_walks_name_functions_that_exist() -> None:
    steps = re.findall(r"`(\w+)` \(`([\w/]+\.py)`\)", rooms.DOCUMENT.read_text())
    assert len(steps) > 15
    for function, path in steps:
        code = (ROOT / rooms.PACKAGE / path).read_text()
        assert re.search(rf"def {function}\b", code), f"{path} has no {function}"


def test_the_files_of_contribute_exist() -> None:
    text = rooms.DOCUMENT.read_text()
    for path in re.findall(r"`([\w/]+/[\w.]+\.(?:py|md))`", text):
        places = [ROOT / path, ROOT / rooms.PACKAGE / path]
        assert "NAME" in path or path == "shop/models.py" or any(p.exists() for p in places), path


# docs/security.md


def test_the_tests_that_the_security_page_names_exist() -> None:
    rows = re.findall(r"^\|.*\| `(test_\w+)` \|$", (DOCS / "security.md").read_text(), re.MULTILINE)
    assert len(rows) > 10
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name in rows if f"\ndef {name}(" not in tests] == []
