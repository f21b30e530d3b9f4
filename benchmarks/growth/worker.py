"""One operation on so many objects, in a process of its own.

`python -m benchmarks.growth.worker OPERATION COUNT ENDPOINT` prints {"seconds", "peak"} as JSON:
the time, and the growth of memory at its peak in bytes.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command

from benchmarks.growth.server import CONTENT, make_key
from benchmarks.worker import forget_peak, read_memory


def set_up(count: int, endpoint: str, static: str) -> None:
    options: dict[str, Any] = {
        "MINIO_ENDPOINT": endpoint,
        "MINIO_ACCESS_KEY": "key",
        "MINIO_SECRET_KEY": "secret",
        "MINIO_DEFAULT_BUCKET": f"files-{count}",
        "MINIO_PRIVATE_BUCKETS": [f"files-{count}"],
        "MINIO_STATIC_FILES_BUCKET": f"static-{count}",
    }
    path = "django_minio_backend.models.MinioBackend"
    # The same bucket by another address is another storage for copy_storage.
    copy = {**options, "MINIO_ENDPOINT": endpoint.replace("127.0.0.1", "localhost")}
    settings.configure(
        USE_TZ=True,
        SECRET_KEY="benchmark",
        LOGGING_CONFIG=None,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{static}.db"}},
        STATIC_URL="/static/",
        INSTALLED_APPS=["django_minio_backend", "django.contrib.staticfiles", "benchmarks.growth"],
        STATICFILES_DIRS=[static],
        STORAGES={
            "default": {"BACKEND": path, "OPTIONS": options},
            "copy": {"BACKEND": path, "OPTIONS": copy},
            "staticfiles": {"BACKEND": f"{path}Static", "OPTIONS": options},
        },
    )
    django.setup()


def make_operation(name: str, count: int, static: str) -> Callable[[], object]:
    """Return an operation, with all that it needs."""
    from django.core.files.storage import storages

    if name == "listdir":
        return lambda: storages["default"].listdir("flat")
    if name == "copy":
        return lambda: run("copy_storage", source="default", target="copy")
    if name == "collectstatic":
        for number in range(count):
            Path(static, make_key("static", number)).write_bytes(CONTENT)
        return lambda: run("collectstatic", interactive=False)
    from benchmarks.growth.models import Document

    run("migrate", run_syncdb=True)
    rows = count if name == "orphans" else count // 2
    documents = (Document(file=make_key("files", number)) for number in range(rows))
    while batch := list(islice(documents, 1000)):  # else all of them would be in memory
        Document._default_manager.bulk_create(batch)
    return lambda: run("clean_orphaned_minio_files", dry_run=True)


def run(command: str, **options: Any) -> None:
    call_command(command, stdout=io.StringIO(), verbosity=0, **options)


def main() -> None:
    name, count, endpoint = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    with tempfile.TemporaryDirectory() as folder:
        static = f"{folder}/static"
        Path(static).mkdir()
        set_up(count, endpoint, static)
        operation = make_operation(name, count, static)
        forget_peak()
        before, start = read_memory("VmRSS"), time.perf_counter()
        operation()
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "peak": max(0, read_memory("VmHWM") - before)}))


if __name__ == "__main__":
    main()
