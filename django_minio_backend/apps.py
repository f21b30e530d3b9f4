"""The app: system checks, and on request the reconciling of buckets when Django starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from django.apps import AppConfig

# Commands that need no bucket: they write code, print or test. Ours make the buckets themselves.
_WITHOUT_BUCKETS = frozenset(
    {
        "check",
        "compilemessages",
        "createcachetable",
        "dbshell",
        "diffsettings",
        "help",
        "initialize_buckets",
        "inspectdb",
        "is_minio_available",
        "makemessages",
        "makemigrations",
        "optimizemigration",
        "sendtestemail",
        "showmigrations",
        "sqlflush",
        "sqlmigrate",
        "sqlsequencereset",
        "squashmigrations",
        "startapp",
        "startproject",
        "test",
        "testserver",
        "version",
    }
)


class DjangoMinioBackendConfig(AppConfig):
    name = "django_minio_backend"
    verbose_name = "MinIO storage"

    def ready(self) -> None:
        """Use the network only for aliases that ask for it, in a process that uses storages."""
        from django_minio_backend import startup
        from django_minio_backend.checks.register import register_all

        register_all()
        if will_use_storages(sys.argv, os.environ):
            # Commands run `check`, which reports all mistakes in the settings.
            startup.check_consistency(raises=not runs_command(sys.argv))


def will_use_storages(argv: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Return True for servers, workers and scripts, and for commands that may store files.

    Return False for test runners, for commands such as `check` and `makemigrations`, and for the
    parent process of `runserver`, which only watches for changed files.
    """
    program = Path(argv[0] if argv else "")
    if "PYTEST_VERSION" in environ or {program.name, program.parent.name} & {"pytest", "py.test"}:
        return False
    if not runs_command(argv):
        return True
    command = argv[1] if len(argv) > 1 else ""
    if command == "runserver":
        return "--noreload" in argv or environ.get("RUN_MAIN") == "true"
    asks_for_help = not command or command.startswith("-") or {"-h", "--help"} & {*argv}
    return not asks_for_help and command not in _WITHOUT_BUCKETS


def runs_command(argv: Sequence[str]) -> bool:
    """Return True if this process was started to run a management command."""
    program = Path(argv[0] if argv else "")
    is_module = program.parts[-2:] == ("django", "__main__.py")
    return is_module or program.name in {"manage.py", "django-admin"}
