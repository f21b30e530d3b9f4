"""Each page works from its page alone, pasted into the project that the tutorial makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import DOCS, TUTORIAL, Block, Project, is_shown_by, list_blocks, list_pages

RUN = {"python", "console"}
PAGES = [
    page
    for page in list_pages()
    if page != TUTORIAL and any(block.language in RUN for block in list_blocks(page))
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_a_page_works_as_it_stands(page: Path, project: Project) -> None:
    project.follow(page)
    project.manage("check", "--fail-level=WARNING")


# And a page that is wrong is found out:


def test_a_name_that_is_defined_nowhere_is_an_error(project: Project) -> None:
    project.snippets.append("print(nowhere)")
    with pytest.raises(AssertionError, match="NameError"):
        project.run_snippets()


def test_another_output_is_an_error(project: Project) -> None:
    with pytest.raises(AssertionError, match="as declared"):
        project.run_console("$ python manage.py initialize_buckets\nnothing\n")


def test_a_command_that_nothing_runs_is_an_error(project: Project) -> None:
    with pytest.raises(AssertionError, match="nothing runs"):
        project.run_console("$ rm -rf .\n")


def test_dots_stand_for_anything() -> None:
    assert is_shown_by("a\n…\nd\n", "0\na  \nb\nc\nd\n")
    assert not is_shown_by("a\n…\ne\n", "a\nb\nc\nd\n")


def test_the_first_line_names_the_file() -> None:
    assert Block("python", "# shop/models.py, again\n").file == "shop/models.py"
    assert Block("html", "<!-- shop/templates/a.html -->\n").file == "shop/templates/a.html"
    assert Block("python", "# A comment.\n").file == ""
