"""One contender of the benchmark, in an environment of its own: does what it is told, timed.

Run by `python -m benchmarks`, never imported by it. Reads one JSON request a line from stdin,
`{"workload": ..., "count": ...}`, and answers with `{"seconds", "cpu", "requests",
"peak"}`: the time, the CPU time, the number of HTTP requests, and the growth of memory at its peak
in bytes.
"""

from __future__ import annotations

import gc
import http.client
import io
import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

SMALL = b"x" * 4096
BLOCK = 2**20
THREADS = 8
LINKS_IN = "2026/11/some name.txt"
Workload = Callable[[int], None]

_requests = 0


def count_requests() -> None:
    """Count the requests on the wire: by way of `http.client`, or of our own connections.

    obstore's cannot be seen from Python.
    """
    putrequest = http.client.HTTPConnection.putrequest

    def counted(self: http.client.HTTPConnection, *args: Any, **keywords: Any) -> None:
        global _requests
        _requests += 1
        putrequest(self, *args, **keywords)

    http.client.HTTPConnection.putrequest = counted  # type: ignore[method-assign]
    if sys.argv[1] != "ours":
        return
    from django_minio_backend.s3.http import Connection

    exchange = Connection.exchange

    def counted_exchange(self: Connection, *args: Any, **keywords: Any) -> Any:
        global _requests
        _requests += 1
        return exchange(self, *args, **keywords)

    Connection.exchange = counted_exchange  # type: ignore[method-assign]


class Server:
    """Where the server is and what is on it, from the environment."""

    def __init__(self) -> None:
        self.endpoint = os.environ["BENCH_ENDPOINT"]
        self.access_key = os.environ["BENCH_ACCESS_KEY"]
        self.secret_key = os.environ["BENCH_SECRET_KEY"]
        self.bucket = os.environ["BENCH_BUCKET"]
        self.listing = os.environ["BENCH_LISTING"]
        self.large = os.environ["BENCH_LARGE"]
        self.static = os.environ["BENCH_STATIC"]


class RawStorage:
    """The bare SDK behind the names of a storage: one call each, nothing else."""

    def __init__(self, server: Server, bucket: str) -> None:
        from minio import Minio

        self.client = Minio(
            endpoint=server.endpoint,
            access_key=server.access_key,
            secret_key=server.secret_key,
            secure=False,
            region="us-east-1",
        )
        self.bucket = bucket
        self.base = f"http://{server.endpoint}/{bucket}"

    def save(self, name: str, content: Any) -> None:
        size = content.size
        self.client.put_object(bucket_name=self.bucket, object_name=name, data=content, length=size)

    def open(self, name: str) -> Any:
        response = self.client.get_object(bucket_name=self.bucket, object_name=name)
        # urllib3's own close() gives the connection up; only a body that was read is reusable.
        return response

    def exists(self, name: str) -> bool:
        return bool(self.client.stat_object(bucket_name=self.bucket, object_name=name))

    def size(self, name: str) -> int:
        return self.client.stat_object(bucket_name=self.bucket, object_name=name).size or 0

    def get_modified_time(self, name: str) -> Any:
        return self.client.stat_object(bucket_name=self.bucket, object_name=name).last_modified

    def delete(self, name: str) -> None:
        self.client.remove_object(bucket_name=self.bucket, object_name=name)

    def url(self, name: str) -> str:
        return self.client.presigned_get_object(bucket_name=self.bucket, object_name=name)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        folders: list[str] = []
        files: list[str] = []
        prefix = f"{path}/" if path else ""
        for entry in self.client.list_objects(bucket_name=self.bucket, prefix=prefix):
            name = entry.object_name or ""
            (folders if entry.is_dir else files).append(name.removeprefix(prefix))
        return folders, files


class ObstoreStorage:
    """obstore (Rust) behind the names of a storage."""

    def __init__(self, server: Server) -> None:
        from obstore.store import S3Store

        self.store = S3Store(
            server.bucket,
            endpoint=f"http://{server.endpoint}",
            access_key_id=server.access_key,
            secret_access_key=server.secret_key,
            region="us-east-1",
            client_options={"allow_http": True},
        )

    def save(self, name: str, content: Any) -> None:
        # A file that the server has to fetch is read by obstore itself.
        self.store.put(name, content.read() if content.size <= BLOCK else content)

    def open(self, name: str) -> Any:
        return io.BytesIO(self.store.get(name).bytes())

    def exists(self, name: str) -> bool:
        return bool(self.store.head(name))

    def size(self, name: str) -> int:
        return int(self.store.head(name)["size"])

    def get_modified_time(self, name: str) -> Any:
        return self.store.head(name)["last_modified"]

    def delete(self, name: str) -> None:
        self.store.delete(name)


class SignedStorage(RawStorage):
    """http.client with links that were signed before they are timed."""

    def __init__(self, server: Server, bucket: str) -> None:
        super().__init__(server, bucket)
        self.links: dict[tuple[str, str], str] = {}
        self.local = threading.local()
        self.endpoint = server.endpoint

    def sign(self, method: str, name: str) -> None:
        link = self.client.get_presigned_url(method, self.bucket, name)
        self.links[method, name] = link.partition(self.endpoint)[2]

    def _send(self, method: str, name: str, body: bytes | None = None) -> Any:
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = self.local.connection = http.client.HTTPConnection(self.endpoint)
        if (method, name) not in self.links:
            self.sign(method, name)
        connection.request(method, self.links[method, name], body)
        response = connection.getresponse()
        if response.status >= 300:
            raise AssertionError(f"{method} {name}: {response.status}")
        data = response.read()
        return data if method == "GET" else response.headers

    def save(self, name: str, content: Any) -> None:
        self._send("PUT", name, content.read())

    def open(self, name: str) -> Any:
        return io.BytesIO(self._send("GET", name))

    def exists(self, name: str) -> bool:
        return bool(self._send("HEAD", name))

    def size(self, name: str) -> int:
        return int(self._send("HEAD", name)["Content-Length"])

    def get_modified_time(self, name: str) -> Any:
        return self._send("HEAD", name)["Last-Modified"]

    def delete(self, name: str) -> None:
        self._send("DELETE", name)


def obstore(server: Server) -> dict[str, Any]:
    media = ObstoreStorage(server)
    return {"media": media, "replacing": media}


def signed(server: Server) -> dict[str, Any]:
    media = SignedStorage(server, server.bucket)
    return {"media": media, "replacing": media}


class RawPublic:
    def __init__(self, server: Server) -> None:
        self.base = f"http://{server.endpoint}/{server.bucket}"

    def url(self, name: str) -> str:
        from minio.helpers import queryencode

        return f"{self.base}/{queryencode(name)}"


def raw(server: Server) -> dict[str, Any]:
    media = RawStorage(server, server.bucket)
    return {
        "media": media,
        "replacing": media,
        "listing": RawStorage(server, server.listing),
        "public": RawPublic(server),
    }


def minio_backend(server: Server) -> dict[str, Any]:
    """django-minio-backend, whichever version is installed: ours or the one it continues."""
    from django.conf import settings

    common = {
        "MINIO_ENDPOINT": server.endpoint,
        "MINIO_ACCESS_KEY": server.access_key,
        "MINIO_SECRET_KEY": server.secret_key,
        "MINIO_USE_HTTPS": False,
        "MINIO_REGION": "us-east-1",
        "MINIO_DEFAULT_BUCKET": server.bucket,
    }
    private = {**common, "MINIO_PRIVATE_BUCKETS": [server.bucket, server.listing]}
    public = {**common, "MINIO_PUBLIC_BUCKETS": [server.bucket]}
    static = {**common, "MINIO_STATIC_FILES_BUCKET": server.static}
    path = "django_minio_backend.models.MinioBackend"
    # Version 4.5 reads the option from the settings, 5 from the settings too.
    settings.MINIO_URL_CACHING_ENABLED = False
    settings.STORAGES = {
        "default": {"BACKEND": path, "OPTIONS": private},
        "public": {"BACKEND": path, "OPTIONS": public},
        "staticfiles": {"BACKEND": f"{path}Static", "OPTIONS": static},
    }
    if sys.argv[1] == "ours":
        manifest = {"BACKEND": f"{path}StaticManifest", "OPTIONS": static}
        settings.BENCH_MANIFEST = manifest

    from django_minio_backend.models import MinioBackend

    made = {
        "media": MinioBackend(server.bucket),
        "replacing": MinioBackend(server.bucket, replace_existing=True),
        "listing": MinioBackend(server.listing),
        "public": MinioBackend(server.bucket, storage_name="public"),
    }
    settings.MINIO_URL_CACHING_ENABLED = True
    made["cached"] = MinioBackend(server.bucket)
    return made


def s3storage(server: Server) -> dict[str, Any]:
    from django.conf import settings
    from storages.backends.s3 import S3Storage

    common = {
        "access_key": server.access_key,
        "secret_key": server.secret_key,
        "endpoint_url": f"http://{server.endpoint}",
        "region_name": "us-east-1",
        "bucket_name": server.bucket,
    }
    static = {**common, "bucket_name": server.static}
    path = "storages.backends.s3.S3"
    settings.STORAGES = {
        "staticfiles": {"BACKEND": f"{path}StaticStorage", "OPTIONS": static},
    }
    manifest = {"BACKEND": f"{path}ManifestStaticStorage", "OPTIONS": static}
    settings.BENCH_MANIFEST = manifest
    return {
        "media": S3Storage(**common, file_overwrite=False),
        "replacing": S3Storage(**common, file_overwrite=True),
        "listing": S3Storage(**{**common, "bucket_name": server.listing}),
        "public": S3Storage(**common, querystring_auth=False),
    }


def minio_storage(server: Server) -> dict[str, Any]:
    from django.conf import settings
    from minio_storage.storage import MinioMediaStorage

    settings.MINIO_STORAGE_ENDPOINT = server.endpoint
    settings.MINIO_STORAGE_ACCESS_KEY = server.access_key
    settings.MINIO_STORAGE_SECRET_KEY = server.secret_key
    settings.MINIO_STORAGE_USE_HTTPS = False
    settings.MINIO_STORAGE_REGION = "us-east-1"
    settings.MINIO_STORAGE_STATIC_BUCKET_NAME = server.static
    settings.STORAGES = {"staticfiles": {"BACKEND": "minio_storage.storage.MinioStaticStorage"}}

    def storage(bucket: str, presigned: bool = True) -> Any:
        settings.MINIO_STORAGE_MEDIA_BUCKET_NAME = bucket
        settings.MINIO_STORAGE_MEDIA_USE_PRESIGNED = presigned
        return MinioMediaStorage()

    return {
        "media": storage(server.bucket),
        "listing": storage(server.listing),
        "public": storage(server.bucket, presigned=False),
    }


def collectfasta(server: Server) -> dict[str, Any]:
    """django-storages again, with another `collectstatic`."""
    from django.conf import settings

    settings.COLLECTFASTA_STRATEGY = "collectfasta.strategies.boto3.Boto3Strategy"
    settings.COLLECTFASTA_THREADS = THREADS
    s3storage(server)
    del settings.BENCH_MANIFEST  # type: ignore[misc]
    return {}


CONTENDERS: dict[str, Callable[[Server], dict[str, Any]]] = {
    "ours": minio_backend,
    "django-minio-backend": minio_backend,
    "django-storages": s3storage,
    "django-minio-storage": minio_storage,
    "minio-py": raw,
    "obstore": obstore,
    "signed http.client": signed,
    "collectfasta": collectfasta,
}


def workloads(server: Server, storages: dict[str, Any]) -> dict[str, Workload]:
    """Return what this contender can do, by name; each is told how often."""
    return {**files(server, storages), **static_files()} if storages else static_files()


def static_files() -> dict[str, Workload]:
    from django.conf import settings
    from django.core.management import call_command
    from django.test.signals import setting_changed  # and what makes storages anew

    if not settings.is_overridden("STORAGES"):  # type: ignore[misc]
        return {}

    def collect(count: int) -> None:
        # As in a new process, which has neither storage nor manifest yet.
        storages = settings.STORAGES
        settings.STORAGES = {**storages}
        setting_changed.send(None, setting="STORAGES", value=None, enter=True)
        call_command("collectstatic", interactive=False, verbosity=0)

    def with_manifest(count: int) -> None:
        before = settings.STORAGES["staticfiles"]
        settings.STORAGES["staticfiles"] = getattr(settings, "BENCH_MANIFEST")  # noqa: B009
        try:
            collect(count)
        finally:
            settings.STORAGES["staticfiles"] = before

    found: dict[str, Workload] = {"collectstatic": collect}
    if hasattr(settings, "BENCH_MANIFEST"):
        found["collectstatic, manifest"] = with_manifest
    return found


def files(server: Server, storages: dict[str, Any]) -> dict[str, Workload]:
    from django.core.files.base import ContentFile, File

    media = storages["media"]
    listing, public = storages.get("listing"), storages.get("public")
    own = uuid.uuid4().hex

    def save(storage: Any, name: str) -> None:
        storage.save(name, ContentFile(SMALL))

    def fresh() -> str:
        return f"{own}/{uuid.uuid4().hex}.bin"

    def open_read(name: str) -> None:
        file = media.open(name)
        data = file.read()
        file.close()
        if data != SMALL:
            raise AssertionError(f"{name} is not what was saved")

    def save_and_open(count: int) -> None:
        name = fresh()
        for number in range(count):
            save(media, f"{name}/{number}")
            open_read(f"{name}/{number}")

    def threads(count: int) -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(save_and_open, [max(1, count // THREADS)] * THREADS))

    names: list[str] = []

    def sign_fresh(count: int) -> None:
        for _ in range(count):
            names.append(fresh())
            media.sign("PUT", names[-1])

    def save_new(count: int) -> None:
        for _ in range(count):
            save(media, names.pop() if names else fresh())

    def save_over(count: int) -> None:
        for _ in range(count):
            save(storages["replacing"], small)

    def delete(count: int) -> None:
        for name in doomed[:count]:
            media.delete(name)
        del doomed[:count]

    def repeated(call: Callable[[], object]) -> Workload:
        def work(count: int) -> None:
            for _ in range(count):
                call()

        return work

    def ask() -> None:
        media.exists(small)
        media.size(small)
        media.get_modified_time(small)

    def head_of_large() -> None:
        file = media.open("large.bin")
        if len(file.read(4096)) != 4096:
            raise AssertionError("the large object is short")
        file.close()

    def save_large() -> None:
        with open(server.large, "rb") as source:
            storages["replacing" if "replacing" in storages else "media"].save(
                f"{own}/large.bin", File(source)
            )
        if "replacing" not in storages:
            media.delete(f"{own}/large.bin")

    def read_large() -> None:
        file = media.open("large.bin")
        size = 0
        while block := file.read(BLOCK):
            size += len(block)
        file.close()
        if size != os.path.getsize(server.large):
            raise AssertionError(f"{size} bytes of the large object were read")

    small = f"{own}/small.bin"
    save(media, small)
    doomed: list[str] = []

    def prepare_doomed(count: int) -> None:
        for _ in range(count):
            doomed.append(fresh())
            save(media, doomed[-1])
            if hasattr(media, "sign"):
                media.sign("DELETE", doomed[-1])

    found: dict[str, Workload] = {
        "save 4 KiB, new names": save_new,
        "open + read 4 KiB": repeated(lambda: open_read(small)),
        "exists + size + mtime": repeated(ask),
        "(prepare delete)": prepare_doomed,
        "delete": delete,
    }
    if hasattr(media, "sign"):
        found["(prepare save 4 KiB, new names)"] = sign_fresh
    else:
        found[f"{THREADS} threads, save + open"] = threads
    if listing and public:
        found |= {
            "url(), private": repeated(lambda: media.url(LINKS_IN)),
            "url(), public": repeated(lambda: public.url(LINKS_IN)),
            "listdir, many files": repeated(lambda: listing.listdir("flat")),
            "listdir, many folders": repeated(lambda: listing.listdir("deep")),
            "listdir of the root": repeated(lambda: listing.listdir("")),
            "open large, read 4 KiB, close": repeated(head_of_large),
            "save large": repeated(save_large),
            "read large": repeated(read_large),
        }
    if "replacing" in storages:
        found["save 4 KiB over an existing one"] = save_over
    if cached := storages.get("cached"):
        save(cached, LINKS_IN)
        found["url(), private, cached"] = repeated(lambda: cached.url(LINKS_IN))
    return found


def read_memory(field: str) -> int:
    """Return a field of Linux's process status in bytes, 0 elsewhere."""
    try:
        with open("/proc/self/status") as status:
            return next(int(x.split()[1]) * 1024 for x in status if x.startswith(f"{field}:"))
    except OSError:
        return 0


def forget_peak() -> None:
    try:
        with open("/proc/self/clear_refs", "w") as refs:
            refs.write("5")
    except OSError:
        pass


def measure(workload: Workload, count: int) -> dict[str, float]:
    gc.collect()
    forget_peak()
    idle, requests = read_memory("VmRSS"), _requests
    start, cpu = time.perf_counter(), time.process_time()
    workload(count)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {
        "seconds": seconds,
        "cpu": cpu,
        "requests": _requests - requests,
        "peak": max(0, read_memory("VmHWM") - idle),
    }


APPS = {"collectfasta": ["collectfasta"], "ours": ["django_minio_backend"]}


def set_up(*, with_apps: bool) -> None:
    import django
    from django.conf import settings

    apps = [
        *APPS.get(sys.argv[1], []),
        "django.contrib.staticfiles",
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.admin",
    ]
    settings.configure(
        USE_TZ=True,
        SECRET_KEY="benchmark",
        LOGGING_CONFIG=None,
        STATIC_URL="/static/",
        INSTALLED_APPS=apps if with_apps else [],
        STATICFILES_DIRS=[os.environ["BENCH_STATICFILES"]] if with_apps else [],
    )
    django.setup()


def main() -> None:
    contender = CONTENDERS[sys.argv[1]]
    answers = io.TextIOWrapper(os.fdopen(os.dup(1), "wb"), line_buffering=True)
    os.dup2(2, 1)  # whatever a contender prints is no answer
    start = sys.argv[2:] == ["start"]
    set_up(with_apps=not start)
    server = Server()
    if start:
        print(contender(server)["media"].size("small.bin"), file=answers)
        return
    count_requests()
    known = workloads(server, contender(server))
    print(json.dumps(sorted(known)), file=answers)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(measure(known[request["workload"]], request["count"])), file=answers)


if __name__ == "__main__":
    main()
