"""The app: system checks, and on request the reconciling of the buckets when Django starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from django.apps import AppConfig

# Management commands that are servers and workers, of packages that many projects use.
_SERVING = frozenset(
    {
        "celery",
        "db_worker",
        "qcluster",
        "rqworker",
        "run_huey",
        "runserver_plus",
        "runworker",
    }
)


class DjangoMinioBackendConfig(AppConfig):
    name = "django_minio_backend"
    verbose_name = "MinIO storage"

    def ready(self) -> None:
        """Touch the network only for aliases that ask for it, in a process that will serve."""
        from django_minio_backend import checks, start

        checks.register_all()
        if will_serve(sys.argv, os.environ):
            start.check_consistency()


def will_serve(argv: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Say whether this process will use the storage: not management commands, nor test runners.

    Of the commands servers and workers count; runserver's parent, which only watches for changed
    files, does not.
    """
    program = Path(argv[0] if argv else "")
    if "PYTEST_VERSION" in environ or {program.name, program.parent.name} & {"pytest", "py.test"}:
        return False
    run_as_module = program.parts[-2:] == ("django", "__main__.py")
    if program.name not in {"manage.py", "django-admin"} and not run_as_module:
        return True
    command = argv[1] if len(argv) > 1 else ""
    if command != "runserver":
        return command in _SERVING
    return "--noreload" in argv or environ.get("RUN_MAIN") == "true"
