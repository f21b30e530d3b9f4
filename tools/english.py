"""Keep sentences plain: `python -m tools.english [PATH …]` lists those that must be read twice.

It reads docstrings, comments, help texts and Markdown. Many readers have another first language.
No sentence may begin with What, That, Of, Whether, Which or So, unless it is a question. No
sentence may hold two of the words that `_RELATIVE` finds.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
#: Everything that people read.
PATHS = ("django_minio_backend", "tools", "examples", "benchmarks", "docs", ".github", "*.md")
_INVERTED = re.compile(r"(What|That|Of|Whether|Which|So)\b(?! (is|are)\b[^.]*\?)")
_RELATIVE = re.compile(r"\b(what|where)\b", re.IGNORECASE)
# A full stop, an empty line, or the next item of a list, line of a table, heading or cell.
_SENTENCE_END = re.compile(
    r"(?<=[.!?:;])\s+(?=[A-Z`\"'(*])|\n\s*\n|\n(?=\s*(?:[-*+>|]|\d+\.|#+)\s)|\s*\|\s*"
)
_CODE = re.compile(r"```.*?```|~~~.*?~~~|`[^`\n]*`|https?://\S+|<[^>\n]*>", re.DOTALL)
_KEYWORDS = {"help", "description", "help_text"}


class Fault(NamedTuple):
    """A sentence to rewrite, and why."""

    line: int
    sentence: str
    reason: str


def find_faults(text: str, first_line: int = 1) -> Iterator[Fault]:
    """Yield the faults of a text, whose first line has the number `first_line`."""
    plain = _CODE.sub(lambda match: re.sub(r"[^\n]", "x", match[0]), text)
    start = 0
    for end in [*(match.start() for match in _SENTENCE_END.finditer(plain)), len(plain)]:
        sentence = plain[start:end].strip(" \n\t*-+#>|_\"'(")
        line = first_line + plain.count(
            "\n", 0, start + len(plain[start:end]) - len(plain[start:end].lstrip())
        )
        original = " ".join(text[start:end].split())
        start = end
        if not sentence or sentence.endswith("?"):
            continue
        if match := _INVERTED.match(sentence):
            yield Fault(line, original, f"begins with {match[1]}")
        words = [match.lower() for match in _RELATIVE.findall(sentence)]
        if words.count("what") > 1 or words.count("where") > 1:
            yield Fault(line, original, 'has "what" or "where" twice')


def find_faults_in_file(path: Path) -> Iterator[Fault]:
    """Yield the faults of a Python or Markdown file."""
    text = path.read_text()
    if path.suffix == ".py":
        for line, part in list_texts(text):
            yield from find_faults(part, line)
    else:
        yield from find_faults(text)


def list_texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield the docstrings, help texts and comments of a Python module with their lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if node.body and (text := ast.get_docstring(node, clean=False)):
                yield node.body[0].lineno, text
        elif isinstance(node, ast.Call):
            for keyword in node.keywords:
                value = keyword.value
                if keyword.arg in _KEYWORDS and isinstance(value, ast.Constant):
                    yield value.lineno, str(value.value)
    yield from _join_comments(source)


def _join_comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield comments; lines that follow each other at one indent are one comment."""
    start, column = 0, 0
    lines: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT or token.string.startswith("#!"):
            continue
        if lines and (token.start[0], token.start[1]) != (start + len(lines), column):
            yield start, "\n".join(lines)
            lines = []
        if not lines:
            start, column = token.start
        lines.append(token.string.lstrip("#: "))
    if lines:
        yield start, "\n".join(lines)


def list_project() -> list[Path]:
    """Return the files and folders of the project that people read."""
    return [path for pattern in PATHS for path in sorted(ROOT.glob(pattern))]


def list_files(paths: list[Path]) -> Iterator[Path]:
    """Yield these files, and the Python and Markdown files in these folders."""
    for path in paths:
        found = [path] if path.is_file() else sorted([*path.rglob("*.py"), *path.rglob("*.md")])
        yield from (file for file in found if not {"migrations", "_build"} & set(file.parts))


def main() -> int:
    given = [Path(argument) for argument in sys.argv[1:]]
    count = 0
    for path in list_files(given or list_project()):
        for fault in find_faults_in_file(path):
            count += 1
            print(f"{path}:{fault.line}: {fault.reason}: {fault.sentence}")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
