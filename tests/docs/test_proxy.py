"""The proxies of the documentation pass on the links of the storage, and nothing else."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend
from tests.conftest import Buckets, Fetch
from tests.docs.pages import DOCS, list_blocks
from tools.minio_server import Server
from tools.processes import started

# Debian keeps it where only root's PATH leads.
NGINX = shutil.which("nginx", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"])) or ""
PATIENCE = 30  # seconds until nginx has to be there
# A public upload as a page of the site. The second one pretends to be signed.
ATTACKS = ("?response-content-type=text/html", "?response-content-type=text/html&X-Amz-Signature=x")

pytestmark = pytest.mark.skipif(not NGINX, reason="no nginx")


def read_location(page: str, number: int) -> str:
    path = DOCS / "how-to" / f"{page}.md"
    return [block.text for block in list_blocks(path) if block.language == "nginx"][number]


@contextmanager
def running_proxy(location: str, server: Server, folder: Path) -> Iterator[str]:
    """Run nginx with one location in front of the server. Yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    location = location.replace("minio:9000", server.endpoint)
    conf, log = folder / "nginx.conf", folder / "log"
    conf.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {paths} server {{ listen {address}; {location} }} }}"
    )
    command: list[str | Path] = [NGINX, "-e", "stderr", "-p", folder, "-c", conf]
    with started(command, env={}, log=log) as process:
        deadline = time.monotonic() + PATIENCE
        while not is_open(address):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(log.read_text())
            time.sleep(0.05)
        yield address


def is_open(address: str) -> bool:
    host, _, port = address.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


@pytest.mark.parametrize("number", [0, 1])
def test_links_lead_through_the_proxy(
    number: int, server: Server, buckets: Buckets, fetch: Fetch, tmp_path: Path
) -> None:
    with running_proxy(read_location("proxy-and-docker", number), server, tmp_path) as address:
        external = {"MINIO_EXTERNAL_ENDPOINT": f"http://{address}/files/"}
        private = MinioBackend(buckets.private, **external)
        public = MinioBackend(buckets.public, **external)
        private.save("a.txt", ContentFile(b"private"))
        public.save("a.txt", ContentFile(b"public"))
        assert fetch(private.url("a.txt")).data == b"private"
        assert fetch(private.url("a.txt").partition("?")[0]).status == 403
        assert fetch(public.url("a.txt")).data == b"public"
        named = fetch(public.url("a.txt", filename="b.txt"))
        assert 'filename="b.txt"' in named.headers["Content-Disposition"]
        assert fetch(private.url("a.txt", method="PUT"), "PUT", body=b"new").status == 403


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize(
    ("page", "number", "path"),
    [("proxy-and-docker", 1, "files/{bucket}"), ("several-hosts", 0, "pictures")],
)
def test_a_public_upload_is_no_page_of_the_site(
    page: str,
    number: int,
    path: str,
    attack: str,
    server: Server,
    buckets: Buckets,
    fetch: Fetch,
    tmp_path: Path,
) -> None:
    location = read_location(page, number).replace("my-pictures", buckets.public)
    with running_proxy(location, server, tmp_path) as address:
        MinioBackend(buckets.public).save("a.txt", ContentFile(b"<script>"))
        link = f"http://{address}/{path.format(bucket=buckets.public)}/a.txt"
        response = fetch(f"{link}{attack}")
        assert (response.status, response.data) == (200, b"<script>")
        assert is_plain(response)


@pytest.mark.parametrize("attack", ATTACKS)
def test_it_would_be_one_without_the_proxy(
    attack: str, server: Server, buckets: Buckets, fetch: Fetch
) -> None:
    public = MinioBackend(buckets.public)
    public.save("a.txt", ContentFile(b"<script>"))
    assert not is_plain(fetch(f"{public.url('a.txt')}{attack}"))


def is_plain(response: urllib3.BaseHTTPResponse) -> bool:
    return response.headers["Content-Type"].startswith("text/plain")
