"""The documents as their readers have them: pasted into a project, one after another block."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
TUTORIAL = DOCS / "tutorial.md"
#: A block with this word behind its language is shown only. `test_documents` lists them all.
ILLUSTRATION = "illustration"
_FENCE = re.compile(r"^( *)```(\w+)(.*?)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
# The first line of a block that belongs into a file: "# shop/models.py", "<!-- shop/… -->".
_FILE = re.compile(r"(?:#|<!--|//) ([\w.-]+/[\w./-]+\.(?:py|html|js))\b")
#: Commands that start a server or install packages. The project has both when it is tested.
NOT_RUN = ("docker ", "weed ", "python -m pip ", "python -m venv ", ". .venv/")
#: Commands that ask or do not end: `test_tutorial` does the same without a terminal.
NOT_MANAGED = {"runserver", "createsuperuser"}
DEADLINE = 120


@dataclass(frozen=True)
class Block:
    """A code block of a page."""

    language: str
    text: str
    #: Words after the language.
    marks: frozenset[str] = frozenset()

    @property
    def is_illustration(self) -> bool:
        return ILLUSTRATION in self.marks

    @property
    def file(self) -> str:
        """The file that the block is pasted into, "" if it is not for one."""
        match = _FILE.match(self.text)
        return match[1] if match else ""


def list_pages() -> list[Path]:
    """Return the pages of the site that people write."""
    generated = {"_build", "generated"}
    return sorted(p for p in DOCS.rglob("*.md") if not generated & set(p.relative_to(DOCS).parts))


def list_documents() -> list[Path]:
    """Return all documents: the pages of the site, and those that hosts of code show."""
    return [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob(".github/**/*.md")), *list_pages()]


def list_blocks(page: Path) -> list[Block]:
    return [
        Block(language, text, frozenset(marks.split()))
        for _, language, marks, text in _FENCE.findall(page.read_text())
    ]


@dataclass
class Project:
    """A Django project in a folder, with the environment of a reader's shell."""

    folder: Path
    environment: Mapping[str, str]
    #: Python that waits for the next command, or for the end of the page.
    snippets: list[str] = field(default_factory=list)

    def follow(self, page: Path) -> None:
        """Paste the page's blocks, and run its commands, in their order."""
        for block in list_blocks(page):
            if block.is_illustration:
                continue
            if block.file:
                self.run_snippets()
                self.paste(block)
            elif block.language == "python":
                self.snippets.append(block.text)
            elif block.language == "console":
                self.run_snippets()
                self.run_console(block.text)
        self.run_snippets()

    def paste(self, block: Block) -> None:
        """Append a block to its file, or make the file of it."""
        path = self.folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(f"\n\n{block.text}")

    def run_snippets(self) -> None:
        """Run the page's Python so far, as in `manage.py shell`."""
        if self.snippets:
            self.run_python("\n".join(self.snippets))
            self.snippets.clear()

    def run_python(self, code: str) -> str:
        # Warnings of other packages are theirs.
        arguments = ("-W", "error:::django_minio_backend", "-W", "error:::__main__")
        return self.run(sys.executable, *arguments, "-c", f"import django\ndjango.setup()\n{code}")

    def run_console(self, text: str) -> None:
        """Run the commands of a console block; compare the output that it shows."""
        for command, shown in list_commands(text):
            words = shlex.split(command)
            if is_left_out(command):
                continue
            assert words[0] == "python", f"nothing runs: {command}"
            printed = self.run(sys.executable, *words[1:])
            assert is_shown_by(shown, printed), f"{command} prints:\n{printed}"

    def manage(self, *arguments: str, **environment: str) -> str:
        return self.run(sys.executable, "manage.py", *arguments, **environment)

    def run(self, *command: str, **environment: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environment, "PYTHONPATH": str(ROOT), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE,
        )
        assert done.returncode == 0, f"{shlex.join(command)[-3000:]}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def copy_to(self, folder: Path) -> Project:
        shutil.copytree(self.folder, folder)
        return Project(folder, self.environment)


def list_commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of a console block, each with the output that follows it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def is_left_out(command: str) -> bool:
    """Return True for a command that a test cannot run, with its variables before it or not."""
    bare = re.sub(r"^(\w+=\S+ )+", "", command)
    return bare.startswith(NOT_RUN) or bool(NOT_MANAGED & set(shlex.split(bare)))


def is_shown_by(shown: str, printed: str) -> bool:
    """Return True if a command printed these lines, in which "…" stands for anything."""
    lines = "\n".join(line.rstrip() for line in printed.splitlines())
    pattern = ".*?".join(map(re.escape, shown.strip().split("…")))
    return re.search(pattern, lines, re.DOTALL) is not None


def make_environment(**variables: str) -> dict[str, str]:
    """Return the environment of a reader who has set these variables and no others."""
    names = [*("PATH", "HOME"), *(["SYSTEMROOT"] if os.name == "nt" else [])]
    return {name: os.environ[name] for name in names if name in os.environ} | variables
