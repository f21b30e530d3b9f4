"""A real server for the whole run, and buckets of its own, cleaned before use, for each test."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import trustme
import urllib3
from django.conf import settings as django_settings
from django.core.files.storage import storages
from django.test.signals import setting_changed
from minio import MinioAdmin
from minio.credentials import StaticProvider
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from django_minio_backend import MinioBackend
from tests.projects import Site, new_site
from tests.proxy import tls_end
from tools import versitygw
from tools.minio_server import Server, ServerUnavailable, running

# Timings are noisy, and a run must fail for its change alone.
hypothesis.settings.register_profile("calm", deadline=None, derandomize=True)
hypothesis.settings.load_profile("calm")

# A key of our own makes server-side encryption available; the region makes a wrong one an error.
SERVER_ENVIRONMENT = {
    "MINIO_KMS_SECRET_KEY": "tests:" + base64.b64encode(b"k" * 32).decode(),
    "MINIO_SITE_REGION": "us-east-1",
}


@pytest.fixture(scope="session")
def server(pytestconfig: pytest.Config) -> Iterator[Server]:
    capture: Any = pytestconfig.pluginmanager.getplugin("capturemanager")
    with ExitStack() as stack:
        # A first run may build the server: minutes that must not look like a hang.
        with capture.global_and_fixture_disabled():
            found = stack.enter_context(running(env=SERVER_ENVIRONMENT))
        yield found


@pytest.fixture(scope="session")
def other_server() -> Iterator[Server]:
    """An S3 server by others."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(versitygw.running())
        except ServerUnavailable as error:
            pytest.skip(f"no VersityGW: {error}")
        yield found


def heed_options() -> None:
    """Make Django 4.2 heed the OPTIONS of the default storage where settings are overridden."""
    handler: Any = storages
    handler._backends = django_settings.STORAGES


Fetch = Callable[..., urllib3.BaseHTTPResponse]


@dataclass
class Buckets:
    """The buckets of one test and the OPTIONS that declare them."""

    private: str
    public: str
    static: str
    options: dict[str, Any] = field(default_factory=dict)

    def change(self, **options: Any) -> None:
        """Change OPTIONS, None to drop one; Django makes its storages anew."""
        kept = {**self.options, **options}
        self.options.clear()
        self.options.update({name: value for name, value in kept.items() if value is not None})
        setting_changed.send(type(self), setting="STORAGES", value=None, enter=True)
        heed_options()


@pytest.fixture
def buckets(server: Server, settings: Any, request: pytest.FixtureRequest) -> Buckets:
    return make_buckets(server, settings, request)


def make_buckets(server: Server, settings: Any, request: pytest.FixtureRequest) -> Buckets:
    """Return the buckets of a test on a server, and declare them in the settings."""
    unique = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]
    made = Buckets(f"t-{unique}-private", f"t-{unique}-public", f"t-{unique}-static")
    made.options = {
        **server.options,
        "MINIO_DEFAULT_BUCKET": made.private,
        "MINIO_PRIVATE_BUCKETS": [made.private],
        "MINIO_PUBLIC_BUCKETS": [made.public],
        "MINIO_STATIC_FILES_BUCKET": made.static,
    }
    settings.STORAGES = {
        "default": {
            "BACKEND": "django_minio_backend.models.MinioBackend",
            "OPTIONS": made.options,
        },
        "staticfiles": {
            "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage",
        },
    }
    for name in (made.private, made.public, made.static):
        _clean(MinioBackend(name))
    MinioBackend(made.private).check_bucket_existences()
    made.change()  # a test may change what Django's storages have been made of
    return made


def _clean(storage: MinioBackend) -> None:
    if storage.s3.bucket.exists():
        for page in storage.s3.list_pages(""):
            for entry in page.entries:
                storage.s3.delete(entry.key)
        # MinIO's header takes along what a versioned bucket still holds.
        storage.s3.transport.send("DELETE", headers={"x-minio-force-delete": "true"})


@pytest.fixture(scope="session")
def remove_buckets(server: Server) -> Iterator[Callable[..., None]]:
    """Remove buckets whose names are fixed, with their objects; again at the end of the run.

    Where the user names the server, a bucket that was there before the run is not touched. The
    test is skipped.
    """
    named = "MINIO_ENDPOINT" in os.environ
    ours: dict[str, MinioBackend] = {}

    def remove(*names: str) -> None:
        for name in names:
            storage = MinioBackend(
                name,
                **server.options,
            )
            if storage.s3.bucket.exists():
                if named and name not in ours:
                    pytest.skip(f"{server.endpoint} is your server, and has a bucket '{name}'")
                # MinIO's header removes the objects of the bucket with it.
                storage.s3.transport.send("DELETE", headers={"x-minio-force-delete": "true"})
            ours[name] = storage

    yield remove
    remove(*ours)


@pytest.fixture
def site(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    """A project in a folder, which is run by processes of its own."""
    return new_site(server, tmp_path, request.node.nodeid)


@pytest.fixture
def storage(buckets: Buckets) -> MinioBackend:
    return MinioBackend()


@pytest.fixture
def public_storage(buckets: Buckets) -> MinioBackend:
    return MinioBackend(buckets.public)


class Recorder(urllib3.PoolManager):
    """A pool manager that notes every request it puts on the wire, retries included."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**{"maxsize": 16, **keywords})
        self.requests: list[str] = []
        recorder = self

        def make_request(pool: Any, conn: Any, method: str, url: str, **kw: Any) -> Any:
            recorder.requests.append(f"{method} {url}")
            return HTTPConnectionPool._make_request(pool, conn, method, url, **kw)

        self.pool_classes_by_scheme = {
            scheme: type("RecordingPool", (base,), {"_make_request": make_request})
            for scheme, base in (("http", HTTPConnectionPool), ("https", HTTPSConnectionPool))
        }

    @property
    def methods(self) -> list[str]:
        return [request.partition(" ")[0] for request in self.requests]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = Recorder(retries=False)
    yield made
    made.clear()


@pytest.fixture
def fetch() -> Iterator[Fetch]:
    """A browser's GET: no credentials but those in the link."""
    with urllib3.PoolManager(retries=False) as http:

        def get(url: str, method: str = "GET", **keywords: Any) -> urllib3.BaseHTTPResponse:
            return http.request(method, url, redirect=False, **keywords)

        yield get


@pytest.fixture
def restricted(
    server: Server, tmp_path: Path
) -> Iterator[Callable[[list[dict[str, Any]]], dict[str, str]]]:
    """Credentials that a list of policy statements is all they may do."""
    admin = MinioAdmin(
        endpoint=server.endpoint,
        credentials=StaticProvider(server.access_key, server.secret_key),
        secure=server.secure,
    )
    made: list[str] = []

    def make(statements: list[dict[str, Any]]) -> dict[str, str]:
        policy = tmp_path / "policy.json"
        policy.write_text(json.dumps({"Version": "2012-10-17", "Statement": statements}))
        key, secret = secrets.token_hex(8), secrets.token_hex(16)
        admin.add_service_account(access_key=key, secret_key=secret, policy_file=str(policy))
        made.append(key)
        return {"MINIO_ACCESS_KEY": key, "MINIO_SECRET_KEY": secret}

    yield make
    for key in made:
        admin.delete_service_account(key)
    admin._http.clear()


@pytest.fixture
def tls(server: Server, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The server behind TLS: its endpoint, and the file of the authority that vouches for it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with tls_end(server.endpoint, context) as endpoint:
        yield endpoint, ca_file
