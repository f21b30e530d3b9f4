"""The lint for plain English finds a sentence that must be read twice, and names its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import english
from tools.english import (
    find_faults,
    find_faults_in_file,
    list_files,
    list_project,
    list_texts,
)

INVERTED = [
    "What is not small is not sent.",
    "That it fails is an error.",
    "Of the commands workers count.",
    "Whether it is there is told.",
    "Which one wins is decided later.",
    "So it is sent again.",
]


def describe(text: str) -> list[tuple[int, str]]:
    return [(fault.line, fault.reason) for fault in find_faults(text)]


@pytest.mark.parametrize("sentence", INVERTED)
def test_an_inverted_start_is_a_fault(sentence: str) -> None:
    assert describe(f"A file is there.\n{sentence}") == [(2, f"begins with {sentence.split()[0]}")]


@pytest.mark.parametrize("start", ["- ", "1. ", "## ", "**", "| a | ", "> ", "A list:\n\n* ", '"'])
def test_an_inverted_start_is_found_behind_marks(start: str) -> None:
    assert [reason for _, reason in describe(f"{start}What is left is kept.")] == [
        "begins with What"
    ]


def test_a_question_is_no_fault() -> None:
    assert describe("What is an orphan? Which bucket holds it?") == []


@pytest.mark.parametrize("word", ["what", "where"])
def test_one_relative_word_is_enough(word: str) -> None:
    assert describe(f"It says {word} it is. It shows {word} it was.") == []
    (fault,) = describe(f"It says {word} it is and {word} it was.")
    assert fault == (1, 'has "what" or "where" twice')


def test_items_rows_and_cells_are_sentences_of_their_own() -> None:
    assert describe("- what it is\n- what it was") == []
    assert describe("| what | it is |\n|---|---|\n| what | where |") == []


def test_code_and_addresses_are_not_read() -> None:
    for fence in ("```", "~~~"):
        assert describe(f"{fence}\nWhat is what, and what?\nWhat.\n{fence}") == []
    assert describe("It prints `what` and `what`. See https://example.com/what/what.") == []


def test_the_line_is_that_of_the_sentence() -> None:
    assert describe("# A title\n\nOne thing.\n\nSo it\nends.") == [(5, "begins with So")]


def test_python_is_read_for_its_texts_only(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        '''"""What it does."""
# So it
# is.
name = "What is code."


def add(parser):
    """Which one."""
    parser.add_argument("--a", help="Of no use.")  # That is it.
'''
    )
    assert [(fault.line, fault.reason) for fault in find_faults_in_file(module)] == [
        (1, "begins with What"),
        (8, "begins with Which"),
        (9, "begins with Of"),
        (2, "begins with So"),
        (9, "begins with That"),
    ]


def test_lines_of_one_comment_are_read_together() -> None:
    assert list(list_texts("# One\n# sentence.\n\n# Another.\n")) == [
        (1, "One\nsentence."),
        (4, "Another."),
    ]


def test_the_command_names_the_place_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("It works.\n\nWhat is left is kept.\n")
    monkeypatch.setattr("sys.argv", ["english", str(tmp_path)])
    assert english.main() == 1
    assert capsys.readouterr().out == f"{page}:3: begins with What: What is left is kept.\n"
    page.write_text("It works.\n")
    assert english.main() == 0


def test_the_project_is_plain() -> None:
    paths = list(list_files(list_project()))
    assert len(paths) > 150
    assert [(path, fault) for path in paths for fault in find_faults_in_file(path)] == []
