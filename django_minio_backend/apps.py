"""The app: with MINIO_CONSISTENCY_CHECK_ON_START it reconciles the buckets when Django starts."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from django.apps import AppConfig

logger = logging.getLogger(__name__)


class DjangoMinioBackendConfig(AppConfig):
    name = "django_minio_backend"
    verbose_name = "MinIO storage"

    def ready(self) -> None:
        """Touch the network only for aliases that ask for it, in a process that will serve."""
        from django_minio_backend import buckets
        from django_minio_backend.storage import configured

        if not will_serve(sys.argv, os.environ):
            return
        for alias, storage in configured():
            if not storage.options.consistency_check_on_start:
                continue
            # A server that is down delays the start by one bounded question and stops nothing.
            if not (status := storage.is_minio_available()):
                logger.error("Consistency check of storage '%s': %s", alias, status.details)
                continue
            for outcome in buckets.initialize(storage.s3, storage.options):
                level = logging.ERROR if outcome.error else logging.INFO
                logger.log(level, "Consistency check of storage '%s': %s", alias, outcome)


def will_serve(argv: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Say whether this process will use the storage: all but management commands, and runserver.

    runserver's parent, which only watches for changed files, does not count.
    """
    program = Path(argv[0] if argv else "")
    run_as_module = program.parts[-2:] == ("django", "__main__.py")
    if program.name not in {"manage.py", "django-admin"} and not run_as_module:
        return True
    if len(argv) < 2 or argv[1] != "runserver":
        return False
    return "--noreload" in argv or environ.get("RUN_MAIN") == "true"
