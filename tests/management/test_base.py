"""What a command prints arrives at once: in a pipe, in `docker logs` and in a journal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.pipes import PATIENCE, clean_environment, read_line

# The command itself, but for what it does: a line, and then work that takes long.
SCRIPT = """
import sys
from importlib import import_module
from django.conf import settings
settings.configure(INSTALLED_APPS=["django.contrib.staticfiles"], STATIC_ROOT="unused")
import django
django.setup()

class Slow(import_module(sys.argv[1]).Command):
    def handle(self, **options):
        self.stdout.write("begun")
        sys.stdin.read()

stream = sys.stdout if sys.argv[2] == "given" else None
flags = {"force_color": False, "no_color": False, "skip_checks": True, "stdout": stream}
Slow().execute(**flags)
"""
FOLDER = Path(__file__).parents[2] / "django_minio_backend" / "management" / "commands"
COMMANDS = sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))


@pytest.mark.parametrize("stream", ["its own", "given"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_line_arrives_before_the_command_ends(name: str, stream: str) -> None:
    module = f"django_minio_backend.management.commands.{name}"
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SCRIPT, module, stream],
        cwd=Path(__file__).parents[2],
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert read_line(process.stdout, process) == "begun\n"
        assert process.poll() is None
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


WRONG = [
    (["bgfiles", "process"], "--items", "-1", "a whole number, 0 or more, not '-1'"),
    (["bgfiles", "process"], "--items", "1.5", "a whole number, 0 or more, not '1.5'"),
    (["bgfiles", "process"], "--sleep", "soon", "a number of seconds, 0 or more, not 'soon'"),
    (["clean_orphaned_minio_files"], "--older-than", "-24", "a number, 0 or more, not '-24'"),
    (["clean_orphaned_minio_files"], "--older-than", "nan", "a number, 0 or more, not 'nan'"),
    (["clean_orphaned_minio_files"], "--max-delete", "x", "a whole number, 0 or more, not 'x'"),
    (["clean_orphaned_minio_files"], "--max-percent", "101", "a number, 0 to 100, not '101'"),
    (["collectstatic"], "--workers", "0", "a whole number, 1 or more, not '0'"),
    (["collectstatic"], "--keep-days", "-1", "a whole number, 0 or more, not '-1'"),
    (["copy_storage", "--from=a", "--to=b"], "--workers", "0", "a whole number, 1 or more"),
    (["initialize_buckets"], "--wait", "-1", "a number, 0 or more, not '-1'"),
]


@pytest.mark.parametrize(("command", "option", "value", "said"), WRONG)
def test_a_number_that_makes_no_sense_is_told(
    command: list[str], option: str, value: str, said: str
) -> None:
    with pytest.raises(CommandError) as error:
        call_command(*command, f"{option}={value}")
    assert f"argument {option}: must be {said}" in str(error.value)
