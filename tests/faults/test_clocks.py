"""A process whose clock steps while it works: 20 minutes ahead or behind, and 8 days ahead."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from django_minio_backend import MinioBackend
from tests.conftest import Fetch
from tests.projects import Site
from tools.minio_server import Server

_PLACES = ("/usr/lib/*/faketime", "/usr/lib/faketime", "/usr/local/lib/faketime")
LIBRARIES = [
    str(path) for place in _PLACES for path in Path("/").glob(f"{place[1:]}/libfaketimeMT.so.1")
]
pytestmark = pytest.mark.skipif(not LIBRARIES, reason="libfaketime is not installed")

SETTINGS = """
STORAGES = {
    "default": {
        "BACKEND": MINIO,
        "OPTIONS": {
            **SERVER,
            "MINIO_DEFAULT_BUCKET": media,
            "MINIO_PRIVATE_BUCKETS": [media],
            "MINIO_MULTIPART_PART_SIZE": 5 * 2**20,
            "MINIO_URL_CACHING_ENABLED": True,
            "replace_existing": True,
        },
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
"""
# Prints what each use gives before the step, during it and after it. Links are cached in memory.
SCRIPT = """
import json, os, sys, time
import django
django.setup()
from django_minio_backend import MinioBackend

storage = MinioBackend()

def step(text):
    with open(os.environ["FAKETIME_TIMESTAMP_FILE"], "w") as file:
        file.write(text)

def try_use(use):
    try:
        return use()
    except Exception as error:
        return f"{type(error).__name__}: {error}"

def yield_parts():
    yield b"1" * 5 * 2**20
    step(sys.argv[1])
    yield b"2" * 5 * 2**20

uses = {
    "save": lambda: storage.save("a.txt", b"new"),
    "open": lambda: storage.open("a.txt").read().decode(),
    "exists": lambda: storage.exists("a.txt"),
    "exists not": lambda: storage.exists("none.txt"),
    "listdir": lambda: storage.listdir("")[1],
    "delete": lambda: storage.delete("none.txt"),
}
storage.save("a.txt", b"old")
storage.save("large.bin", b"old")
shown = {"before": [storage.url("a.txt"), time.time()]}
shown["across"] = try_use(lambda: storage.save("large.bin", yield_parts()))
shown["during"] = {name: try_use(use) for name, use in uses.items()}
shown["during link"] = [storage.url("a.txt"), time.time()]
step("+0")
shown["link after"] = storage.url("a.txt")
shown["unchanged"] = [storage.open(name).read().decode() for name in ("a.txt", "large.bin")]
shown["after"] = {name: try_use(use) for name, use in uses.items()}
print("\\n" + json.dumps(shown))
"""


@pytest.fixture
def stepping(site: Site) -> Site:
    """A project whose clock is set by a file of its folder."""
    site.settings(SETTINGS)
    (site.folder / "clock").write_text("+0")
    return site.with_environment(
        LD_PRELOAD=LIBRARIES[0],
        FAKETIME_TIMESTAMP_FILE=str(site.folder / "clock"),
        FAKETIME_NO_CACHE="1",
        # The monotonic clock does not step either.
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    )


@pytest.mark.parametrize("step", ["+1200", "-1200", "+8d"])
def test_a_clock_that_steps_is_told_and_loses_nothing(
    server: Server, stepping: Site, fetch: Fetch, step: str
) -> None:
    MinioBackend(stepping.media, **server.options).s3.bucket.create()
    shown: dict[str, Any] = json.loads(stepping.run("-c", SCRIPT, step).splitlines()[-1])
    for failure in (shown["across"], *shown["during"].values()):
        assert failure.startswith("ClockSkew: ")
        assert "synchronise" in failure
    assert shown["unchanged"] == ["old", "old"]
    assert shown["after"] == {
        "save": "a.txt",
        "open": "new",
        "exists": True,
        "exists not": False,
        "listdir": ["a.txt", "large.bin"],
        "delete": None,
    }
    # Each link is dated within a tenth of its life of the clock that there was.
    for link, now in (shown["before"], shown["during link"]):
        assert abs(now - read_start(link)) <= 7 * 86400 / 10
    assert fetch(shown["before"][0]).data == b"new"
    assert fetch(shown["link after"]).data == b"new"


def test_ages_of_orphans_are_by_the_servers_clock(server: Server, stepping: Site) -> None:
    """Our clock is ten minutes ahead, which the server tolerates."""
    storage = MinioBackend(stepping.media, **server.options)
    storage.s3.bucket.create()
    stepping.manage("makemigrations", "shop")
    stepping.manage("migrate")
    storage.save("docs/young.txt", b"x")
    upload = storage.s3.start_upload("docs/running.txt", {})
    (stepping.folder / "clock").write_text("+600")
    minutes = ["--older-than", str(5 / 60)]
    printed = stepping.manage("clean_orphaned_minio_files", "--noinput", *minutes)
    assert "0 orphans" in printed
    assert "1 more are younger" in printed
    assert "1 uploads may still be running" in printed
    assert storage.exists("docs/young.txt")
    upload.abort()


def read_start(link: str) -> float:
    date = link.partition("X-Amz-Date=")[2].partition("&")[0]
    return datetime.datetime.strptime(f"{date}+0000", "%Y%m%dT%H%M%SZ%z").timestamp()
