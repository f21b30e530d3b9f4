"""A process that is killed while it works loses nothing, and what it does can be done again.

The quick share kills at one request of each operation. `make faults` kills at each request, before
and after the server has seen it, and within large ones.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from django_minio_backend import MinioBackend
from tests.faults.killing import Victim, open_deadly_line
from tests.faults.line import Line, open_line
from tests.projects import Site, new_site
from tools.minio_server import Server

IS_FULL = "ALL_KILLS" in os.environ
MIB = 2**20
OLD, NEW = b"old" * MIB, b"new!" * 3 * MIB
SETTINGS = """
MINIO_OPTIONS = {
    **SERVER,
    "MINIO_DEFAULT_BUCKET": media,
    "MINIO_PRIVATE_BUCKETS": [media],
    "MINIO_PUBLIC_BUCKETS": [other],
    "MINIO_MULTIPART_PART_SIZE": 5 * 2**20,
    "replace_existing": True,
}
STORAGES = {
    "default": {"BACKEND": MINIO, "OPTIONS": MINIO_OPTIONS},
    "staticfiles": {
        "BACKEND": "django_minio_backend.models.MinioBackendStaticManifest",
        "OPTIONS": {**SERVER, "MINIO_STATIC_FILES_BUCKET": static},
    },
    "disk": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": f"{BASE}/disk"},
    },
}
"""
SAVE = """
import django
django.setup()
from django.core.files import File
from django_minio_backend import MinioBackend
storage = MinioBackend(MINIO_MULTIPART_UPLOAD={parts}, MINIO_MULTIPART_THRESHOLD=5 * 2**20)
with open("new.bin", "rb") as source:
    storage.save("a.bin", File(source))
"""
WRITE = """
import django
django.setup()
from django_minio_backend import MinioBackend
with open("new.bin", "rb") as source, MinioBackend().open("a.bin", "wb") as target:
    while piece := source.read(2**20):
        target.write(piece)
"""


@dataclass
class Stage:
    """A project behind a line, and its buckets without the line."""

    line: Line
    server: Server
    near: Site
    site: Site

    def bucket(self, name: str) -> MinioBackend:
        return MinioBackend(name, **self.server.options, replace_existing=True)

    @property
    def media(self) -> MinioBackend:
        return self.bucket(self.site.media)


@pytest.fixture
def stage(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    with open_line(server.endpoint) as (line, endpoint):
        near = new_site(server, tmp_path, request.node.nodeid)
        site = near.at(endpoint)
        near.settings(SETTINGS)
        (tmp_path / "new.bin").write_bytes(NEW)
        (tmp_path / "disk").mkdir()
        stage = Stage(line, server, near, site)
        for name in (site.media, site.static):
            stage.bucket(name).s3.bucket.create()
        yield stage


def empty(storage: MinioBackend) -> None:
    storage.delete_keys([entry.key for page in storage.s3.list_pages("") for entry in page.entries])


def prepare_save(stage: Stage) -> None:
    stage.media.save("a.bin", OLD)


def check_save(stage: Stage, is_done: bool) -> None:
    assert stage.media.open("a.bin").read() in ((NEW,) if is_done else (OLD, NEW))
    assert stage.media.listdir("")[1] == ["a.bin"]


def list_assets(stage: Stage) -> list[Path]:
    return [stage.near.folder / "assets" / f"{number}.css" for number in range(3)]


def prepare_static(stage: Stage) -> None:
    empty(stage.bucket(stage.site.static))
    for content in ("old {}", "new {}"):
        for path in list_assets(stage):
            path.write_text(content + path.name)
        if content == "old {}":
            stage.near.manage("collectstatic", "--noinput")


def check_static(stage: Stage, is_done: bool) -> None:
    """Each file that the manifest names is there, and all are of one deploy."""
    bucket = stage.bucket(stage.site.static)
    manifest = json.loads(bucket.open("staticfiles.json").read())["paths"]
    contents = {path.name: bucket.open(manifest[path.name]).read() for path in list_assets(stage)}
    deploys = [
        {name: f"{kind} {{}}{name}".encode() for name in contents}
        for kind in (("new",) if is_done else ("old", "new"))
    ]
    assert contents in deploys


def prepare_copy(stage: Stage) -> None:
    empty(stage.media)
    for number in range(3):
        (stage.near.folder / "disk" / f"{number}.txt").write_bytes(b"copied")
    (stage.near.folder / "disk" / "a.bin").write_bytes(NEW)


def check_copy(stage: Stage, is_done: bool) -> None:
    wanted = {**{f"{number}.txt": b"copied" for number in range(3)}, "a.bin": NEW}
    there = stage.media.listdir("")[1]
    assert all(stage.media.open(name).read() == wanted[name] for name in there)
    if is_done:
        assert sorted(there) == sorted(wanted)


def prepare_clean(stage: Stage) -> None:
    empty(stage.media)
    names = [f"docs/{kind}{number}.txt" for kind in ("kept", "orphan") for number in range(3)]
    stage.media.save_many((name, b"x") for name in names)
    stage.media.s3.start_upload("docs/unfinished.txt", {}).put_part(1, b"x")
    if not (stage.near.folder / "db").exists():
        stage.near.manage("makemigrations", "shop")
        stage.near.manage("migrate")
        kept = names[:3]
        stage.near.shown(f"for name in {kept}: Doc.objects.create(file=name)\nshow([])")


def check_clean(stage: Stage, is_done: bool) -> None:
    there = set(stage.media.listdir("docs")[1])
    kept = {f"kept{number}.txt" for number in range(3)}
    assert there >= kept
    if is_done:
        assert there == kept
        assert list(stage.media.s3.list_uploads([""])) == []


def prepare_buckets(stage: Stage) -> None:
    for name in (stage.site.media, stage.site.other):
        with suppress(OSError):
            headers = {"x-minio-force-delete": "true"}
            stage.bucket(name).s3.transport.send("DELETE", headers=headers)


def check_buckets(stage: Stage, is_done: bool) -> None:
    media, other = (stage.bucket(name) for name in (stage.site.media, stage.site.other))
    if media.s3.bucket.exists():
        assert media.s3.bucket.read_policy() is None
    if is_done:
        assert media.s3.bucket.exists()
        assert other.s3.bucket.read_policy() is not None


@dataclass(frozen=True)
class Work:
    """A script or command. `check` looks after a kill, and after the work was done again."""

    argv: tuple[str, ...]
    prepare: Callable[[Stage], None]
    check: Callable[[Stage, bool], None]
    #: The request at which the quick share kills.
    at: int = 1


def manage(*argv: str) -> tuple[str, ...]:
    return ("manage.py", *argv)


WORKS = {
    "replace in one request": Work(("-c", SAVE.format(parts=False)), prepare_save, check_save),
    "replace in parts": Work(("-c", SAVE.format(parts=True)), prepare_save, check_save, 4),
    "write": Work(("-c", WRITE), prepare_save, check_save, 3),
    "collectstatic": Work(manage("collectstatic", "--noinput"), prepare_static, check_static, 4),
    "copy_storage": Work(
        manage("copy_storage", "--from", "disk", "--to", "default"), prepare_copy, check_copy, 3
    ),
    "clean_orphaned_minio_files": Work(
        manage("clean_orphaned_minio_files", "--noinput", "--older-than", "0"),
        prepare_clean,
        check_clean,
        3,
    ),
    "initialize_buckets": Work(manage("initialize_buckets"), prepare_buckets, check_buckets, 3),
}


def try_one(stage: Stage, work: Work, at: int, *, after: bool) -> bool:
    """Kill at a request, look, do the work again, and look. Return False if it ended before."""
    work.prepare(stage)
    victim = Victim()
    stage.line.arm_with(victim.kill_after if after else victim.kill_before, at)
    was_killed = victim.start(lambda: stage.site.launch(*work.argv))
    stage.line.disarm()
    work.check(stage, not was_killed)
    if was_killed:
        stage.near.run(*work.argv)
        work.check(stage, True)
    return was_killed


@pytest.mark.parametrize("name", WORKS)
def test_a_killed_process_loses_nothing(stage: Stage, name: str) -> None:
    work = WORKS[name]
    if not IS_FULL:
        assert try_one(stage, work, work.at, after=True)
        return
    kills = 0
    while try_one(stage, work, kills + 1, after=False):
        kills += 1
        assert try_one(stage, work, kills, after=True)
    assert kills >= work.at


@pytest.mark.parametrize("mebibytes", [1, 8] if IS_FULL else [8])
@pytest.mark.parametrize("name", ["replace in one request", "replace in parts", "write"])
def test_a_process_that_is_killed_within_a_request_loses_nothing(
    stage: Stage, name: str, mebibytes: int
) -> None:
    work = WORKS[name]
    work.prepare(stage)
    victim = Victim()
    with open_deadly_line(stage.server.endpoint, victim, mebibytes * MIB) as endpoint:
        assert victim.start(lambda: stage.near.at(endpoint).launch(*work.argv))
    work.check(stage, False)
    assert stage.media.open("a.bin").read() == OLD
    stage.near.run(*work.argv)
    work.check(stage, True)
