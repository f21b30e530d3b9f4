"""Each policy of examples/policies is enough for its job, and no action in it is too much."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from django_minio_backend import MinioBackend
from django_minio_backend.errors import StorageError
from tests.conftest import Buckets, Fetch
from tests.library.models import Book

pytestmark = pytest.mark.django_db

FOLDER = Path(__file__).parents[2] / "examples" / "policies"
POLICIES = {path.stem: json.loads(path.read_text())["Statement"] for path in FOLDER.glob("*.json")}
#: Actions that Amazon S3 asks for, and MinIO does not.
ONLY_AMAZON = {("copy_target", "s3:PutObjectTagging")}
#: Each action of each policy, and "" for the whole policy.
CASES = [
    (name, lacking)
    for name, statements in sorted(POLICIES.items())
    for lacking in ["", *(action for one in statements for action in one["Action"])]
    if (name, lacking) not in ONLY_AMAZON
]
Keys = dict[str, str]
TAGGED = {"x-amz-tagging": "color=red"}


class Failed(Exception):
    """The job could not be done."""


class Place:
    """The buckets of a test, and the keys under test."""

    def __init__(self, buckets: Buckets, keys: Keys, fetch: Fetch, folder: Path, settings: Any):
        self.buckets, self.keys, self.fetch = buckets, keys, fetch
        self.folder, self.settings = folder, settings
        self.root = MinioBackend()
        self.storage = MinioBackend(**keys)

    def run(self, command: str, **options: Any) -> str:
        """Return what a command prints, its warnings too."""
        out = io.StringIO()
        call_command(command, stdout=out, stderr=out, **options)
        return out.getvalue()

    def use(self, alias: str, keys: Keys, **changes: Any) -> None:
        backend = changes.pop("backend", "MinioBackend")
        self.settings.STORAGES = {
            **self.settings.STORAGES,
            alias: {
                "BACKEND": f"django_minio_backend.models.{backend}",
                "OPTIONS": {**self.buckets.options, **changes, **keys},
            },
        }


def work_as_web(place: Place) -> None:
    storage = place.storage
    name = storage.save("a/b.txt", ContentFile(b"content"))
    with storage.open(name) as file:
        assert file.read() == b"content"
    assert not storage.exists("nowhere")
    assert storage.listdir("a") == ([], ["b.txt"])
    storage.delete(name)

    def break_off() -> Iterator[bytes]:
        yield b"x" * 32 * 2**20
        raise KeyError("the source broke")

    with pytest.raises(KeyError):
        storage.save("large.bin", break_off())
    query = [("uploads", ""), ("prefix", "large.bin")]
    if b"<UploadId>" in place.root.s3.transport.send("GET", query=query).data:
        raise Failed("parts remain")


def work_as_read_only(place: Place) -> None:
    place.root.save("a.txt", ContentFile(b"content"))
    with place.storage.open("a.txt") as file:
        assert file.read() == b"content"
    assert not place.storage.exists("nowhere")
    assert place.storage.listdir("") == ([], ["a.txt"])


def work_as_uploads(place: Place) -> None:
    link = place.storage.url("new.txt", method="PUT", expires=60)
    if place.fetch(link, "PUT", body=b"content").status != 200:
        raise Failed("the link does not work")
    assert place.root.exists("new.txt")


def work_as_collectstatic(place: Place) -> None:
    place.use("default", {}, MINIO_DEFAULT_BUCKET=place.buckets.public)
    own = {
        "backend": "MinioBackendStaticManifest",
        "MINIO_STATIC_FILES_BUCKET": place.buckets.private,
        "MINIO_DEFAULT_BUCKET": place.buckets.public,
        "MINIO_PRIVATE_BUCKETS": None,
        "MINIO_PUBLIC_BUCKETS": [place.buckets.public],
    }
    place.use("staticfiles", place.keys, **own)
    place.settings.STATIC_ROOT = None
    place.settings.STATICFILES_DIRS = [place.folder]
    place.settings.INSTALLED_APPS = ["django_minio_backend", "django.contrib.staticfiles"]
    for text in ("body {}", "body { color: red }", "body { color: red }"):
        (place.folder / "site.css").write_text(text)
        place.run("collectstatic", interactive=False, prune=True, keep_days=0, verbosity=0)
    if len(place.root.listdir("")[1]) != 3:  # the file, the one with a hash, the manifest
        raise Failed("old files remain")


def work_as_clean_orphans(place: Place) -> None:
    place.root.save("covers/orphan.png", ContentFile(b"x"))
    place.root.save("covers/kept.png", ContentFile(b"x"))
    Book.objects.create(cover="covers/kept.png")
    place.root.s3.start_upload("covers/unfinished.png", {})
    place.use("default", place.keys)
    printed = place.run("clean_orphaned_minio_files", interactive=False, older_than=0)
    if "unfinished uploads are not known" in printed:
        raise Failed("uploads are not listed")
    assert place.root.listdir("covers")[1] == ["kept.png"]
    assert list(place.root.s3.list_uploads([""])) == []


def work_as_initialize_buckets(place: Place) -> None:
    private, public = MinioBackend(place.buckets.private), MinioBackend(place.buckets.public)
    private.set_bucket_to_public()  # which it must not be
    public.s3.transport.send("DELETE")
    place.use("default", place.keys)
    place.run("initialize_buckets", bucket=private.bucket, silenced=True)
    place.run("initialize_buckets", bucket=public.bucket, silenced=True)
    assert private.s3.bucket.read_policy() is None
    assert public.s3.bucket.read_policy() is not None


def copy(place: Place, source_keys: Keys, target_keys: Keys) -> None:
    source, target = place.buckets.private, place.buckets.public
    place.use("old", source_keys, MINIO_DEFAULT_BUCKET=source)
    place.use("new", target_keys, MINIO_DEFAULT_BUCKET=target)
    there = MinioBackend(target)
    there.save("changed.txt", ContentFile(b"old"))
    there.save("extra.txt", ContentFile(b"x"))
    place.root.s3.put("changed.txt", b"new", {"x-amz-meta-mtime": "4000000000"})
    place.root.s3.put("tagged.txt", b"x", TAGGED)
    arguments = {"source": "old", "target": "new"}
    place.run("copy_storage", **arguments, delete_extra=True, interactive=False)
    assert there.open("changed.txt").read() == b"new"
    assert there.s3.read_tags("tagged.txt") == [("color", "red")]
    assert sorted(there.listdir("")[1]) == ["changed.txt", "tagged.txt"]


JOBS: dict[str, Callable[[Place], None]] = {
    "web": work_as_web,
    "read_only": work_as_read_only,
    "uploads": work_as_uploads,
    "collectstatic": work_as_collectstatic,
    "clean_orphans": work_as_clean_orphans,
    "initialize_buckets": work_as_initialize_buckets,
    "copy_source": lambda place: copy(place, place.keys, {}),
    "copy_target": lambda place: copy(place, {}, place.keys),
}


def narrow(name: str, lacking: str, buckets: list[str]) -> list[dict[str, Any]]:
    """Return the statements of a policy without an action, for these buckets."""
    statements = []
    for statement in POLICIES[name]:
        actions = [action for action in statement["Action"] if action != lacking]
        resources = [r.replace("my-media", b) for r in statement["Resource"] for b in buckets]
        if actions:
            statements.append({**statement, "Action": actions, "Resource": resources})
    nothing = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::none/*"]}
    return statements or [nothing]


def take_buckets(name: str, buckets: Buckets) -> list[str]:
    """Create the buckets of a job, and return those that its policy is for."""
    MinioBackend(buckets.public).s3.bucket.create()
    own = {"copy_target": [buckets.public], "initialize_buckets": [buckets.private, buckets.public]}
    return own.get(name, [buckets.private])


def do_job(name: str, lacking: str, place: Place) -> None:
    """Do a job; expect it to fail if an action is lacking."""
    place.folder.mkdir()
    if lacking:
        with pytest.raises((StorageError, CommandError, Failed)):
            JOBS[name](place)
    else:
        JOBS[name](place)


def test_each_policy_has_a_job() -> None:
    assert set(POLICIES) == set(JOBS)


@pytest.mark.parametrize(("name", "lacking"), CASES)
def test_a_policy_is_enough_and_no_action_is_too_much(
    name: str,
    lacking: str,
    buckets: Buckets,
    restricted: Callable[[list[dict[str, Any]]], Keys],
    fetch: Fetch,
    tmp_path: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    statements = narrow(name, lacking, take_buckets(name, buckets))
    place = Place(buckets, restricted(statements), fetch, tmp_path / "static", settings)
    do_job(name, lacking, place)
