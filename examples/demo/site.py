"""The example's site, in threads of this process, so that it cannot outlive the demo."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.models import User
from django.core.servers.basehttp import (
    ThreadedWSGIServer,
    WSGIRequestHandler,
    get_internal_wsgi_application,
)
from django.db import connections

from django_minio_backend.bgfiles import worker


@contextmanager
def serving() -> Iterator[str]:
    """Serve on a free loopback port for the length of the block, and yield the site's URL."""
    with ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler) as server:
        server.set_app(get_internal_wsgi_application())
        # No line for each request. Only now: making the application configures logging again.
        logging.getLogger("django.server").setLevel(logging.ERROR)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def working() -> Iterator[None]:
    """Do the exports that are asked for, as `manage.py bgfiles process` does them."""
    stopped = threading.Event()

    def work() -> None:
        try:
            while not stopped.wait(0.3):
                for _request in worker.work():
                    pass
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def create_admin() -> str:
    """Create the superuser "admin" and return the password, which is new each time."""
    password = secrets.token_urlsafe(9)
    User.objects.create_superuser("admin", password=password)
    return password
