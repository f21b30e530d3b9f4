"""What docker-compose.yml describes: read, and run as plain processes on loopback."""

from __future__ import annotations

import io
import json
import os
import re
import runpy
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any, cast

import pytest
import urllib3
import yaml
from django.core.files.base import ContentFile
from django.core.management import get_commands

from django_minio_backend import MinioBackend
from django_minio_backend.direct.client import send_file
from tests.conftest import Fetch
from tools.minio_server import Server
from tools.processes import started

ROOT = Path(__file__).parents[2]
SETTINGS = ROOT / "examples/project/settings.py"
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
MINIO, WEB, NGINX = SERVICES["minio"], SERVICES["web"], SERVICES["nginx"]
NGINX_CONF = ROOT / NGINX["volumes"][0].partition(":")[0]
# Debian keeps it where only root's PATH leads.
NGINX_BINARY = shutil.which("nginx", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))
PATIENCE = 60  # seconds until the site has to be there


class Recorded(dict[str, str]):
    """An environment that notes what it is asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)


def interpolated(service: Mapping[str, Any]) -> dict[str, str]:
    """Return a service's environment as compose hands it on when nothing else is set."""
    return {
        name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
        for name, value in service["environment"].items()
    }


# Read


def test_each_variable_is_one_that_the_site_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recorded(interpolated(WEB))
    monkeypatch.setattr(os, "environ", recorded)
    runpy.run_path(str(SETTINGS))
    monkeypatch.undo()
    read_by_script = re.findall(r"\$([A-Z_]+)", (ROOT / WEB["command"]).read_text())
    assert set(WEB["environment"]) <= recorded.asked | set(read_by_script)


def test_nginx_gets_a_value_for_each_name_in_its_conf() -> None:
    names = re.findall(r"\$\{(\w+)\}", NGINX_CONF.read_text())
    assert set(names) == set(NGINX["environment"])


def test_addresses_and_ports_agree() -> None:
    web, nginx = WEB["environment"], NGINX["environment"]
    minio_port = MINIO["command"].rpartition(":")[2]
    assert web["MINIO_ENDPOINT"] == nginx["MINIO_UPSTREAM"] == f"minio:{minio_port}"
    health = f"http://localhost:{minio_port}/minio/health/live"
    assert MINIO["healthcheck"]["test"][-1] == health
    site_port = web["SITE_LISTEN"].rpartition(":")[2]
    assert nginx["SITE_UPSTREAM"] == f"web:{site_port}"
    assert f"http://localhost:{site_port}/" in WEB["healthcheck"]["test"][-1]
    [(_, published, inside)] = [port.split(":") for port in NGINX["ports"]]
    assert inside == nginx["NGINX_LISTEN"]
    host, _, path = web["MINIO_EXTERNAL_ENDPOINT"].partition("/")
    assert host == f"localhost:{published}"
    assert f"location /{path}/ {{" in NGINX_CONF.read_text()
    assert host.partition(":")[0] in web["DJANGO_ALLOWED_HOSTS"].split(",")


def test_the_site_has_the_servers_credentials() -> None:
    web, minio = WEB["environment"], MINIO["environment"]
    assert web["MINIO_ACCESS_KEY"] == minio["MINIO_ROOT_USER"]
    assert web["MINIO_SECRET_KEY"] == minio["MINIO_ROOT_PASSWORD"]


def test_commands_and_files_exist() -> None:
    script = ROOT / WEB["command"]
    dockerfile = ROOT / WEB["build"]["dockerfile"]
    assert os.access(script, os.X_OK)
    assert NGINX_CONF.is_file()
    commands = re.findall(r"manage\.py (\w+)", script.read_text())
    assert set(commands) <= set(get_commands())
    for line in re.findall(r"^COPY (.+) \S+$", dockerfile.read_text(), re.MULTILINE):
        assert [source for source in line.split() if not (ROOT / source).exists()] == []


# Run


@dataclass(frozen=True)
class Composed:
    """The running site: where it is, and how a storage of its own makes the same links."""

    url: str
    options: dict[str, Any]


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def on_loopback(
    server: Server, folder: Path, nginx: str, site: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the environments of web and nginx with compose's addresses replaced, and no more."""
    port = nginx.rpartition(":")[2]
    moved = {
        "minio:9000": server.endpoint,
        "web:8080": site,
        "0.0.0.0:8080": site,
        "localhost:8000/files": f"localhost:{port}/files",
        "8000": nginx,
        "/data/db.sqlite3": str(folder / "db.sqlite3"),
    }
    web = {name: moved.get(value, value) for name, value in interpolated(WEB).items()}
    web |= {"MINIO_ACCESS_KEY": server.access_key, "MINIO_SECRET_KEY": server.secret_key}
    return web, {name: moved.get(value, value) for name, value in NGINX["environment"].items()}


def write_nginx_conf(folder: Path, values: Mapping[str, str]) -> Path:
    """Render the conf as the image does, below a main one that keeps all files in `folder`."""
    site = folder / "site.conf"
    site.write_text(re.sub(r"\$\{(\w+)\}", lambda m: values[m[1]], NGINX_CONF.read_text()))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    main = folder / "nginx.conf"
    main.write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;\n"
        f"events {{}}\nhttp {{ access_log off; {paths} include {site}; }}\n"
    )
    return main


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    with urllib3.PoolManager(retries=False, timeout=5) as http:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if http.request("GET", url).status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            time.sleep(0.1)
    pytest.fail(f"{url} is not there: {log.read_text()}")


@pytest.fixture(scope="module")
def composed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    if not NGINX_BINARY:
        pytest.skip("nginx is not installed")
    folder = tmp_path_factory.mktemp("compose")
    log = folder / "log"
    nginx, site = free_address(), free_address()
    web_env, nginx_env = on_loopback(server, folder, nginx, site)
    conf = write_nginx_conf(folder, nginx_env)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {"PATH": path, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **web_env}
    url = f"http://localhost:{nginx.rpartition(':')[2]}/"
    proxy: list[str | Path] = [NGINX_BINARY, "-e", "stderr", "-p", folder, "-c", conf]
    with ExitStack() as stack:
        process = stack.enter_context(started([ROOT / WEB["command"]], env=env, log=log))
        stack.enter_context(started(proxy, env={}, log=log))
        wait_for(url, process, log)
        names = ("MINIO_ENDPOINT", "MINIO_EXTERNAL_ENDPOINT", "MINIO_ACCESS_KEY")
        options = {name: web_env[name] for name in (*names, "MINIO_SECRET_KEY")}
        yield Composed(url, options)


def upload(fetch: Fetch, url: str, visibility: str, name: str, content: bytes) -> list[str]:
    """Send the page's form as a browser does, and return the links on the page after it."""
    page = fetch(url)
    token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.data)
    assert token
    fields = {
        "csrfmiddlewaretoken": token[1].decode(),
        "visibility": visibility,
        "file": (name, content),
    }
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    headers = {"Cookie": cookie, "Origin": url.rstrip("/")}
    assert fetch(url, "POST", fields=fields, headers=headers).status == 302
    return [unescape(link) for link in re.findall(r'href="([^"]+)"', fetch(url).data.decode())]


def test_uploaded_files_are_reached_through_nginx_only_as_their_links_allow(
    composed: Composed, fetch: Fetch
) -> None:
    content = os.urandom(2_000_000)  # more than nginx keeps in memory
    upload(fetch, composed.url, "public", "Grüße an alle.bin", content)
    links = upload(fetch, composed.url, "private", "Öffne mich.bin", content)
    files = f"{composed.url}files/"
    assert all(link.startswith(files) for link in links if "://" in link)
    [private] = [link for link in links if "X-Amz-Signature" in link]
    [public] = [link for link in links if "-public/" in link]
    [style] = [link for link in links if re.search(r"attachments/style[\w.]*\.css$", link)]
    assert fetch(private).data == fetch(public).data == content
    assert fetch(style).headers["Content-Type"] == "text/css; charset=utf-8"
    assert fetch(private.partition("?")[0]).status == 403
    assert fetch(private.replace("mich", "dich")).status == 403
    assert fetch(private[:-1] + ("0" if private[-1] != "0" else "1")).status == 403
    # A public file is never a page of the site, whatever a link without a signature asks for, also
    # if the link only looks signed.
    page = f"{public}?response-content-type=text/html&response-content-disposition=inline"
    plain = fetch(public).headers
    for looks_signed in ("", "&X-Amz-Signature=x", "&X-Amz-SignatureX=&Signature=x"):
        opened = fetch(page + looks_signed)
        assert opened.data == content
        for header in ("Content-Type", "Content-Disposition"):
            assert opened.headers.get(header) == plain.get(header) != "text/html"
    for credential in ("x", "minioadmin%2F20260101%2Fus-east-1%2Fs3%2Faws4_request"):
        assert fetch(f"{page}&X-Amz-Credential={credential}&X-Amz-Signature=x").status >= 400
    assert fetch(public, "PUT", body=b"overwritten").status == 403
    assert fetch(public, "POST", fields={"file": ("a", b"overwritten")}).status >= 400
    refused = fetch(public, "DELETE")
    assert (refused.status, b"nginx" in refused.data) == (403, True)  # MinIO is not even asked
    assert fetch(public).data == content


@pytest.mark.parametrize("name", ["a b+c%41&d=e;f#g?h.txt", "Straße/日本 (1).txt", "~'!*,:@$.txt"])
def test_signed_links_survive_the_proxy_whatever_the_name_is(
    name: str, composed: Composed, fetch: Fetch
) -> None:
    storage = MinioBackend("django-backend-dev-private", **composed.options)
    link = storage.url(storage.save(name, ContentFile(b"content")))
    assert fetch(link).data == b"content"


def test_a_browser_uploads_through_nginx(composed: Composed, fetch: Fetch) -> None:
    """The site and the bucket have one origin, so no CORS is needed."""
    page = fetch(composed.url)
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    csrf = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.data)
    token = re.search(rb'data-token="([^"]+)"', page.data)
    assert csrf
    assert token

    def ask(view: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        headers = {
            "Cookie": cookie,
            "Origin": composed.url.rstrip("/"),
            "X-CSRFToken": csrf[1].decode(),
            "Content-Type": "application/json",
        }
        url = f"{composed.url}uploads/{view}/"
        answer = fetch(url, "POST", body=json.dumps(data), headers=headers)
        assert answer.status == 200, answer.data
        return cast(Mapping[str, Any], answer.json())

    content = os.urandom(9 * 2**20)
    receipt = send_file(ask, token[1].decode(), io.BytesIO(content), "large.bin")
    fields = {
        "csrfmiddlewaretoken": csrf[1].decode(),
        "visibility": "private",
        "file-receipt": receipt,
    }
    headers = {"Cookie": cookie, "Origin": composed.url.rstrip("/")}
    assert fetch(composed.url, "POST", fields=fields, headers=headers).status == 302
    links = re.findall(r'href="([^"]+/large_[^"]+)"', fetch(composed.url).data.decode())
    assert fetch(unescape(links[0])).data == content
