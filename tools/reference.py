"""The generated parts of the reference: options and commands.

The code is their source. `python -m tools.reference` and `make docs` write them between
the marks of these pages, so that hosts of code show them too. A test compares them.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.core.management import BaseCommand, find_commands, load_command_class

from django_minio_backend.config.fields import ENDPOINT_OPTIONS
from django_minio_backend.config.options import FIELDS

#: The options by subject. Each option has one.
GROUPS: dict[str, list[str]] = {
    "Server and credentials": [
        "MINIO_ENDPOINT",
        "MINIO_USE_HTTPS",
        "MINIO_ACCESS_KEY",
        "MINIO_SECRET_KEY",
        "MINIO_SESSION_TOKEN",
        "MINIO_CREDENTIALS",
        "MINIO_REGION",
    ],
    "Links": [
        "MINIO_EXTERNAL_ENDPOINT",
        "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS",
        "MINIO_PUBLIC_BASE_URL",
        "MINIO_URL_EXPIRY_HOURS",
        "MINIO_URL_STABLE_WINDOW",
        "MINIO_URL_CACHING_ENABLED",
        "MINIO_URL_CACHE_TIMEOUT",
        "MINIO_URL_CACHE_PREFIX",
    ],
    "Buckets": [
        "MINIO_DEFAULT_BUCKET",
        "MINIO_PRIVATE_BUCKETS",
        "MINIO_PUBLIC_BUCKETS",
        "MINIO_STATIC_FILES_BUCKET",
        "MINIO_LOCATION",
        "MINIO_BUCKETS",
        "MINIO_POLICY_HOOKS",
        "MINIO_BUCKET_CHECK_ON_SAVE",
        "MINIO_CONSISTENCY_CHECK_ON_START",
        "MINIO_CONSISTENCY_CHECK_STRICT",
        "MINIO_REFERENCES",
    ],
    "Saved files": [
        "replace_existing",
        "MINIO_OBJECT_HEADERS",
        "MINIO_GZIP",
        "metadata",
        "tags",
        "sse",
        "retention",
        "legal_hold",
        "progress",
    ],
    "Large files": [
        "MINIO_MULTIPART_UPLOAD",
        "MINIO_MULTIPART_THRESHOLD",
        "MINIO_MULTIPART_PART_SIZE",
        "MINIO_MULTIPART_PARALLEL",
    ],
    "Static files": ["MINIO_STATIC_COMPRESS", "MINIO_STATIC_USE_FINDERS"],
    "Connections": [
        "MINIO_CA_CERTS",
        "MINIO_CONNECT_TIMEOUT",
        "MINIO_READ_TIMEOUT",
        "MINIO_RETRIES",
        "MINIO_HTTP_CLIENT",
        "http_client",
    ],
}
REFERENCE = Path(__file__).parent.parent / "docs" / "reference"
PAGES = (REFERENCE / "options.md", REFERENCE / "commands.md")
MARKS = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
#: Apps that have commands.
APPS = (
    "django_minio_backend",
    "django_minio_backend.bgfiles",
    "django_minio_backend.direct",
)


def write_pages() -> None:
    """Write the parts of the pages anew that stand between their marks."""
    for page in PAGES:
        text = page.read_text()
        if fill(text) != text:
            page.write_text(fill(text))


def write_part(page: Path, name: str, part: str) -> None:
    """Write the part of a page anew that stands between the marks of this name."""
    text = page.read_text()
    page.write_text(
        MARKS.sub(
            lambda match: f"{match[1]}\n{part}\n\n{match[3]}" if match[2] == name else match[0],
            text,
        )
    )


def fill(text: str) -> str:
    """Return a page with its generated parts as the code has them."""
    return MARKS.sub(lambda match: f"{match[1]}\n{make_part(match[2])}\n{match[3]}", text)


def make_part(name: str) -> str:
    """Return the table of options, or the description of the command of this name."""
    lines = list_options() if name == "options" else describe_command(name)
    return "\n".join(lines).rstrip() + "\n"


def list_options() -> Iterator[str]:
    """Yield the lines of a table for each group of options."""
    for title, names in GROUPS.items():
        yield from (f"## {title}", "", "| option | default | meaning |", "|---|---|---|")
        for name in names:
            default, meaning = describe_option(name)
            yield f"| `{name}` | {default} | {meaning} |"
        yield ""


def describe_option(name: str) -> tuple[str, str]:
    """Return an option's default, as people read it, and its meaning."""
    if name in ENDPOINT_OPTIONS:
        return ENDPOINT_OPTIONS[name]
    field = FIELDS[name]
    default: Any = field.default
    if isinstance(default, float) and default.is_integer():
        default = int(default)
    shown = "`[]`" if default == () else "`{}`" if default is None else f"`{default!r}`"
    return field.metadata["shown"] or shown, field.metadata["help"]


def find_our_commands() -> dict[str, str]:
    """Return our commands and their apps. Another app may have one of the same name."""
    paths = {config.name: config.path for config in apps.get_app_configs()}
    return {name: app for app in APPS for name in find_commands(f"{paths[app]}/management")}


def describe_command(name: str) -> Iterator[str]:
    """Yield a command's help text, and a table of its own options."""
    command = load_command_class(find_our_commands()[name], name)
    yield from (str(command.help), "", "| option | meaning |", "|---|---|")
    for action in _list_own_actions(command):
        yield f"| {_name_action(action)} | {_explain(action)} |"


def _list_own_actions(command: BaseCommand) -> list[argparse.Action]:
    """Return the arguments that neither every command has nor Django's of the same name."""
    foreign = set()
    for base in type(command).__mro__:
        if issubclass(base, BaseCommand) and not base.__module__.startswith("django_minio_backend"):
            foreign |= {action.dest for action in _list_actions(base())}
    return [action for action in _list_actions(command) if action.dest not in foreign]


def _list_actions(command: BaseCommand) -> list[argparse.Action]:
    return command.create_parser("manage.py", "command")._actions


def _name_action(action: argparse.Action) -> str:
    value = f" {action.metavar}" if action.metavar and action.nargs != 0 else ""
    if not action.option_strings:
        return " or ".join(f"`{choice}`" for choice in action.choices or [action.dest])
    if not value and action.choices:
        value = " " + "|".join(map(str, action.choices))
    elif not value and action.nargs is None and not isinstance(action, argparse._StoreAction):
        value = ""
    elif not value and action.nargs is None:
        value = f" {action.dest.upper()}"
    return ", ".join(f"`{option}{value}`".replace("|", "\\|") for option in action.option_strings)


def _explain(action: argparse.Action) -> str:
    required = " Required." if action.required and action.option_strings else ""
    return f"{(action.help or '').replace('%%', '%')}{required}".strip().replace("|", "\\|")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    write_pages()
