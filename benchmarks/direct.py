"""`python -m benchmarks.direct`: a direct upload beside one that is posted to Django.

Both go through Django's handlers in this process. Measured is the time and the CPU of the site. The
way from the browser to the file server is not the site's.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from django.conf import settings

from benchmarks.report import MIB, machine, make_table
from tools.minio_server import Server
from tools.minio_server import running as running_server
from tools.processes import say

ROUNDS = 5
SIZES = (MIB, 64 * MIB, 256 * MIB)
BUCKET = "bench-direct"
RESULTS = Path(__file__).parent / "results" / "direct.md"
Measured = tuple[float, float]


def configure(server: Server, folder: str) -> None:
    """Make this process a site with a form that takes uploads."""
    import django

    options = {**server.options, "MINIO_DEFAULT_BUCKET": BUCKET, "MINIO_PRIVATE_BUCKETS": [BUCKET]}
    settings.configure(
        SECRET_KEY="benchmark",
        ROOT_URLCONF="django_minio_backend.direct.urls",
        INSTALLED_APPS=["django_minio_backend", "django_minio_backend.direct"],
        FILE_UPLOAD_TEMP_DIR=folder,
        STORAGES={
            "default": {
                "BACKEND": "django_minio_backend.models.MinioBackend",
                "OPTIONS": options,
            }
        },
    )
    django.setup()


class Site:
    """A site whose form saves one file."""

    def __init__(self) -> None:
        from django.core.files.storage import storages
        from django.test import RequestFactory

        from django_minio_backend.direct.forms import DirectFileFormField

        self.field = DirectFileFormField()
        self.requests = RequestFactory()
        storage: Any = storages["default"]
        storage.check_bucket_existence()
        self.storage = storage
        self.seconds = self.cpu = 0.0

    def measure(self, work: Callable[[], Any]) -> Any:
        """Add the time and the CPU of some work of the site."""
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        self.seconds += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu
        return result

    def save(self, data: Any, files: Any) -> None:
        widget: Any = self.field.widget
        posted = widget.value_from_datadict(data, files, "file")
        file = self.field.clean(posted)
        self.storage.delete(self.storage.save("a.bin", file))

    def post_through_django(self, content: bytes) -> None:
        fields = {"file": io.BytesIO(content)}
        request = self.requests.post("/", fields)
        self.measure(lambda: self.save(request.POST, request.FILES))

    def send_directly(self, content: bytes) -> None:
        from django_minio_backend.direct import views
        from django_minio_backend.direct.client import send_file

        def ask(view: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
            body = json.dumps(data)
            request = self.requests.post("/", body, content_type="application/json")
            request.csrf_processing_done = True  # type: ignore[attr-defined]
            answer = self.measure(lambda: getattr(views, view)(request))
            return json.loads(answer.content)  # type: ignore[no-any-return]

        token = self.field.target.to_token("")
        receipt = send_file(ask, token, io.BytesIO(content), "a.bin")
        self.measure(lambda: self.save({"file-receipt": receipt}, {}))


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder, running_server() as server:
        configure(server, folder)
        site = Site()
        for size in SIZES:
            content = os.urandom(size)
            ways = {"through Django": site.post_through_django, "direct": site.send_directly}
            results: dict[str, list[Measured]] = {way: [] for way in ways}
            for turn in range(ROUNDS + 1):
                for way, send in list(ways.items())[:: -1 if turn % 2 else 1]:
                    say(f"{size // MIB} MiB: {way}")
                    site.seconds = site.cpu = 0.0
                    send(content)
                    if turn:
                        results[way].append((site.seconds, site.cpu))
            rows += [
                [
                    f"{size // MIB} MiB, {way}",
                    f"{1000 * median(seconds for seconds, _ in measured):.0f}",
                    f"{1000 * median(cpu for _, cpu in measured):.0f}",
                ]
                for way, measured in results.items()
            ]
    table = make_table(["file", "time of the site, ms", "its CPU, ms"], rows)
    RESULTS.write_text(f"# Direct uploads\n\n{machine()}\n\n{table}\n")
    say(RESULTS.read_text())


if __name__ == "__main__":
    main()
