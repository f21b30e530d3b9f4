"""Exports that write down what is done, by whom, so that nothing done twice stays unseen."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db import DatabaseError, connection


class ShopConfig(AppConfig):
    name = "tests.bgfiles.shop"

    def ready(self) -> None:
        from django_minio_backend.bgfiles.patterns import Criteria, Dataset, FullPattern, registry

        class Quick(FullPattern):
            requester_only = False

            def get_items(self, criteria: Criteria) -> None:
                return None

            def write_bytes(self, dataset: Dataset, buffer: Any) -> None:
                note(f"{dataset.file_request and dataset.file_request.pk} {os.getpid()}")
                buffer.write(b"content")

        class Endless(Quick):
            """Goes on until it is stopped; one that is told to ends when it may."""

            def write_bytes(self, dataset: Dataset, buffer: Any) -> None:
                super().write_bytes(dataset, buffer)
                note("begun")
                while dataset.criteria.raw.get("until") != "file" or not (folder() / "go").exists():
                    time.sleep(0.02)

        class Querying(Quick):
            """Is at a query when something happens to it."""

            def write_bytes(self, dataset: Dataset, buffer: Any) -> None:
                with connection.cursor() as cursor:
                    note("begun")
                    if dataset.criteria.raw["mode"] == "sleep":
                        cursor.execute("SELECT pg_sleep(300)")
                    elif dataset.criteria.raw["mode"] == "cut":
                        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
                if dataset.criteria.raw["mode"] == "lost":
                    # As when the database restarts while a file is made that needs it no more.
                    with suppress(DatabaseError), connection.cursor() as cursor:
                        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
                    super().write_bytes(dataset, buffer)

        registry.register(Querying, ["querying"])
        registry.register(Quick, ["quick"])
        registry.register(Endless, ["endless"])


def folder() -> Path:
    return Path(settings.MEDIA_ROOT).parent


def note(line: str) -> None:
    # One write with O_APPEND: whole lines, whoever else writes.
    with (folder() / "notes").open("a") as notes:
        notes.write(f"{line}\n")
