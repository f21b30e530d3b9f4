"""The documentation site: `make docs` builds it into docs/_build/html.

Sphinx is what Django's own documentation is made with: it checks every link and reference, and
reads docstrings. MyST lets the pages be Markdown, as hosts of code show it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django  # noqa: E402

django.setup()

from pygments.lexers.special import TextLexer  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402

import django_minio_backend  # noqa: E402
from tools.reference import write_pages  # noqa: E402

write_pages()

project = "django-minio-backend"
author = "django-minio-backend contributors"
project_copyright = author
version = release = django_minio_backend.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
nitpicky = True
nitpick_ignore_regex = [
    # Types of other projects, which this site does not describe, and of the package's inside.
    (r"py:.*", r"(collections|contextlib|datetime|django|http|typing|uuid)\..*|Storage"),
    (r"py:.*", r"django_minio_backend\.(bgfiles|storage)\..*"),
]
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
default_role = "code"
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
linkcheck_timeout = 10

html_theme = "furo"
html_title = f"{project} {version}"
html_theme_options = {
    "source_repository": "https://github.com/theriverman/django-minio-backend/",
    "source_branch": "main",
    "source_directory": "docs/",
}


def setup(app: Sphinx) -> None:
    # Hosts of code draw the picture of the rooms. Here its text is shown.
    app.add_lexer("mermaid", TextLexer)
