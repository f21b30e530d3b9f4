"""Machines that fail: a full disk, nodes of a cluster that are down, a certificate that ended."""

from __future__ import annotations

import datetime
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trustme

from django_minio_backend import MinioBackend, errors
from tests.proxy import tls_end
from tools.minio_server import Server, binary, free_ports

KEY, SECRET = "machine-key", "machine-secret"
MIB = 2**20


def make_storage(endpoint: str, **options: object) -> MinioBackend:
    given: dict[str, object] = {
        "MINIO_ENDPOINT": endpoint,
        "MINIO_ACCESS_KEY": KEY,
        "MINIO_SECRET_KEY": SECRET,
        "MINIO_READ_TIMEOUT": 3,
        "MINIO_RETRIES": 1,
        **options,
    }
    return MinioBackend("machines", **given)  # type: ignore[arg-type]


def start_node(endpoint: str, *folders: str) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "MINIO_ROOT_USER": KEY,
        "MINIO_ROOT_PASSWORD": SECRET,
        "MINIO_BROWSER": "off",
        # Nodes of one machine: https://github.com/minio/minio/blob/master/buildscripts
        "MINIO_CI_CD": "1",
        "_MINIO_SERVER_LOCAL": endpoint,
    }
    command = [str(binary()), "server", "--quiet", "--address", endpoint, *folders]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def wait_for(storage: MinioBackend, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not (status := storage.is_minio_available()):
        assert time.monotonic() < until, status.details
        time.sleep(0.05)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_told_and_loses_nothing(small_disk: Path) -> None:
    [port] = free_ports(1)
    node = start_node(f"127.0.0.1:{port}", str(small_disk))
    try:
        storage = make_storage(f"127.0.0.1:{port}")
        wait_for(storage)
        storage.s3.bucket.create()
        replacing = make_storage(f"127.0.0.1:{port}", replace_existing=True)
        replacing.save("old.bin", b"old" * MIB)
        with pytest.raises(errors.StorageError) as caught:
            for number in range(40):
                storage.save(f"{number}.bin", os.urandom(8 * MIB))
        assert isinstance(caught.value, errors.StorageFull), caught.value
        with pytest.raises(errors.StorageError):
            replacing.save("old.bin", os.urandom(16 * MIB))
        assert storage.open("old.bin").read() == b"old" * MIB
        names = storage.listdir("")[1]
        assert all(storage.size(name) == 8 * MIB for name in names if name != "old.bin")
    finally:
        node.kill()
        node.wait(30)


NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/a; uwsgi_temp_path {folder}/b; scgi_temp_path {folder}/c;
    client_max_body_size 0;
    upstream nodes {{ {servers} }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://nodes;
            proxy_set_header Host $http_host;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_next_upstream error timeout;
            proxy_pass_header Server;
        }}
    }}
}}
"""


class Cluster:
    """Four nodes behind nginx."""

    def __init__(self, folder: Path) -> None:
        *ports, self.port = free_ports(5)
        self._endpoints = [f"127.0.0.1:{port}" for port in ports]
        self._folders = [f"http://{at}{folder}/{n}" for n, at in enumerate(self._endpoints)]
        self.nodes = [self._start(number) for number in range(4)]
        (folder / "nginx").mkdir()
        servers = " ".join(f"server {at} max_fails=1 fail_timeout=1s;" for at in self._endpoints)
        text = NGINX.format(folder=folder / "nginx", servers=servers, port=self.port)
        (folder / "nginx.conf").write_text(text)
        command = ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]
        self.nginx = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        return start_node(self._endpoints[number], *self._folders)

    def kill(self, number: int) -> None:
        self.nodes[number].kill()
        self.nodes[number].wait(30)

    def restart(self, number: int) -> None:
        self.nodes[number] = self._start(number)

    def stop(self) -> None:
        for process in [*self.nodes, self.nginx]:
            process.kill()
            process.wait(30)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    made = Cluster(folder)
    try:
        yield made
    finally:
        made.stop()


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
@pytest.mark.skipif("CLUSTER" not in os.environ, reason="make faults starts a cluster")
def test_a_cluster_that_loses_nodes_loses_no_file(tmp_path: Path) -> None:
    with cluster(tmp_path) as four:
        storage = make_storage(f"127.0.0.1:{four.port}")
        wait_for(storage)
        until = time.monotonic() + 60
        while True:  # a node that answers may not know the others yet
            try:
                storage.s3.bucket.create()
                storage.save("warm.txt", b"x")
                break
            except errors.StorageError:
                assert time.monotonic() < until
                time.sleep(0.1)
        saved = {storage.save(f"all/{number}.txt", b"x" * number): number for number in range(20)}
        four.kill(0)
        saved |= {
            storage.save(f"three/{number}.txt", b"x" * number): number for number in range(20)
        }
        four.kill(1)
        # Two of four can read, and cannot agree on a write.
        status = storage.is_minio_available()
        assert status.write_quorum is False
        started = time.monotonic()
        with pytest.raises(errors.StorageError):
            storage.save("two.txt", b"x")
        assert time.monotonic() - started < 15
        for name, size in saved.items():
            assert storage.open(name).read() == b"x" * size
        four.restart(0)
        four.restart(1)
        until = time.monotonic() + 120
        while not storage.is_minio_available().write_quorum:
            assert time.monotonic() < until
            time.sleep(0.05)
        storage.save("four.txt", b"x")
        waiting = list(saved)
        while waiting:
            assert time.monotonic() < until, f"not there: {waiting}"
            # While nodes heal, MinIO answers 404 now and then for objects that are there.
            with suppress(FileNotFoundError):
                assert storage.open(waiting[-1]).read() == b"x" * saved[waiting[-1]]
                waiting.pop()


def test_a_certificate_that_ended_is_refused(server: Server, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ended = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    authority.issue_cert(
        "127.0.0.1", not_before=ended - datetime.timedelta(days=9), not_after=ended
    ).configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with tls_end(server.endpoint, context) as endpoint:
        storage = make_storage(
            f"https://{endpoint}", MINIO_USE_HTTPS=True, MINIO_CA_CERTS=tmp_path / "ca.pem"
        )
        with pytest.raises(errors.ServerUnreachable, match="certificate has expired"):
            storage.exists("a.txt")
