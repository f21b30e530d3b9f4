"""The place where the demo runs: a server, a temporary database, and nothing left of either."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import django
from django.db import connections

from django_minio_backend import MinioBackend
from examples.demo.report import Failed, note, step
from tools import seaweedfs
from tools.minio_server import Server, running

HOW_TO_HAVE_MINIO = "MinIO instead: make demo SERVER=minio"


@contextmanager
def throwaway_project(*, minio: bool = False) -> Iterator[None]:
    """Start a server and set Django up on it; remove all of it at the end.

    A machine without MinIO gets SeaweedFS, in seconds; `minio` waits for MinIO's build instead.
    """
    quicker = None if minio else seaweedfs.sources
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="django-minio-demo-"))
        server = step("Server", lambda: stack.enter_context(running(quicker=quicker)), _found)
        if server.product == "SeaweedFS":
            note("", HOW_TO_HAVE_MINIO)
        _set_environment(server, Path(folder))
        step("Django", django.setup, lambda _: f"{django.__version__}, DEBUG off")
        stack.callback(connections.close_all)
        step("Health", _check_health)
        if not _is_own(server):
            stack.push(_remove_buckets)
        yield


def _found(server: Server) -> str:
    return f"{server.url} ({', '.join(filter(None, [server.product, server.source]))})"


def _is_own(server: Server) -> bool:
    return server.source != "MINIO_ENDPOINT"


def _set_environment(server: Server, folder: Path) -> None:
    if _is_own(server):
        # Settings of another server, such as its external address, do not fit this one.
        for name in [name for name in os.environ if name.startswith("MINIO_")]:
            del os.environ[name]
    else:
        # Somebody's server: buckets that cannot be theirs.
        unique = secrets.token_hex(4)
        for kind in ("PRIVATE_BUCKET", "PUBLIC_BUCKET", "STATIC_FILES_BUCKET"):
            os.environ[f"MINIO_{kind}"] = f"demo-{unique}-{kind.partition('_')[0].lower()}"
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "examples.project.settings",
        "DJANGO_SECRET_KEY": secrets.token_urlsafe(40),
        "DJANGO_DATABASE": str(folder / "db.sqlite3"),
        "DJANGO_ALLOWED_HOSTS": "127.0.0.1",
        "MINIO_ENDPOINT": server.endpoint,
        "MINIO_ACCESS_KEY": server.access_key,
        "MINIO_SECRET_KEY": server.secret_key,
        "MINIO_USE_HTTPS": str(server.secure).lower(),
    }


def _check_health() -> str:
    if not (status := MinioBackend().is_minio_available()):
        raise Failed(status.details)
    return "the server answers and takes the credentials"


def _remove_buckets(kind: type[BaseException] | None, *_: object) -> None:
    """Remove what was made on somebody's server, as far as that goes, when the stack unwinds."""
    from examples.demo.checks import STORAGES

    failures = []
    for get_storage in STORAGES:
        storage = get_storage()
        try:
            _remove(storage)
        except Exception as error:  # the SDK's too; and the next bucket shall go all the same
            failures.append(f"{storage.bucket} could not be removed: {error}")
    # A failed step has said what is wrong with the server; it is not said again.
    if failures and kind is not Failed:
        raise Failed(failures[0])


def _remove(storage: MinioBackend) -> None:
    if storage.s3.bucket.exists():
        for page in storage.s3.list_pages(""):
            for entry in page.entries:
                storage.s3.delete(entry.key)
        storage.client.remove_bucket(bucket_name=storage.bucket)
