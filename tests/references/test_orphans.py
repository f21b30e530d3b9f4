from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError
from django.db import DatabaseError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_minio_backend import MinioBackend, MinioBackendStatic
from django_minio_backend.errors import ServerUnreachable
from django_minio_backend.references import fields, orphans
from django_minio_backend.references.orphans import Verdict, judge
from django_minio_backend.s3.client import Client
from django_minio_backend.s3.responses import Entry
from django_minio_backend.shards import Shard
from tests.conftest import Buckets, Recorder
from tests.hostile import Answer, hostile, listing, storage_at
from tests.library.models import Atlas, Book, Film
from tests.references.conftest import FIELDS, clean, keys, store

pytestmark = pytest.mark.django_db


def test_only_what_nothing_refers_to_is_deleted(library: MinioBackend) -> None:
    store(library, "covers/kept.png", "covers/orphan.png", "2026-01-01/scan.pdf", "plates/a.png")
    store(library, "covers/film.png", "covers/ä b&c.png")
    Book.objects.create(cover="covers/kept.png", scan="2026-01-01/scan.pdf")
    Book.objects.create(cover="", scan=None)
    Atlas.objects.create(plate="plates/a.png", cover="covers/ä b&c.png")
    Film(cover="covers/film.png").save()
    before = keys(library)
    printed = clean(dry_run=True)
    assert f"{library.bucket}/covers/orphan.png\n" in printed
    assert "6 objects in" in printed
    assert "1 orphans, 7\xa0bytes (16.7 %)" in printed
    assert keys(library) == before
    assert "1 deleted." in clean()
    assert before - keys(library) == {"covers/orphan.png"}


def test_workers_share_a_search(library: MinioBackend) -> None:
    names = [f"covers/{number}.png" for number in range(30)]
    store(library, *names, "covers/kept.png")
    Book.objects.create(cover="covers/kept.png")
    first, second = Shard(1, 2), Shard(2, 2)
    assert f"{sum(map(first.holds, names))} deleted." in clean(shard=first)
    assert keys(library) == {"covers/kept.png", *filter(second.holds, names)}
    clean(shard=second)
    assert keys(library) == {"covers/kept.png"}


def test_a_bucket_that_no_field_uses_is_not_looked_at(
    library: MinioBackend, public_storage: MinioBackend
) -> None:
    store(public_storage, "a.txt")
    clean()
    assert keys(public_storage) == {"a.txt"}
    with pytest.raises(CommandError, match="No FileField stores into a bucket"):
        clean(bucket=public_storage.bucket)


def test_the_same_name_in_another_bucket_is_another_file(
    library: MinioBackend, public_storage: MinioBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Film._meta.get_field("cover"), "storage", public_storage)
    for storage in (library, public_storage):
        store(storage, "covers/a.png")
    Book.objects.create(cover="covers/a.png")
    clean(bucket=public_storage.bucket)
    assert (keys(library), keys(public_storage)) == ({"covers/a.png"}, set())


def test_only_the_folders_that_fields_store_into_are_looked_at(
    library: MinioBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "django_minio_backend.references.fields.apps.get_models", lambda **keywords: [Film]
    )
    store(library, "covers/orphan.png", "coversheet.txt", "elsewhere/a.txt")
    clean()
    assert keys(library) == {"coversheet.txt", "elsewhere/a.txt"}
    (film,) = fields.list_references()
    assert film.prefix == "covers/"
    plate = Atlas._meta.get_field("plate")
    assert fields.Reference(Atlas, plate, MinioBackend(MINIO_LOCATION="x")).prefix == "x/plates/"


def test_locations_are_taken_into_account(
    library: MinioBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = MinioBackend(MINIO_LOCATION="films")
    monkeypatch.setattr(Film._meta.get_field("cover"), "storage", below)
    store(below, "covers/a.png", "covers/orphan.png")
    store(library, "covers/a.png")
    Film(cover="covers/a.png").save()
    clean()
    assert keys(library) == {"films/covers/a.png"}


def test_what_is_young_or_excluded_is_left_alone(library: MinioBackend) -> None:
    store(library, "covers/a.png", "thumbs/b.png")
    Book.objects.create(cover="thumbs/b.png")
    assert "1 more are younger than --older-than: left alone." in clean(older_than=1)
    Book.objects.all().delete()
    assert keys(library) == {"covers/a.png", "thumbs/b.png"}
    clean(exclude=["thumbs/*"])
    assert keys(library) == {"thumbs/b.png"}


def further(storage: MinioBackend) -> Iterator[str]:
    yield "covers/in-a-text.png"


@pytest.mark.parametrize("elsewhere", ["", "location", "address"])
def test_a_row_that_came_meanwhile_keeps_its_file(
    library: MinioBackend, monkeypatch: pytest.MonkeyPatch, elsewhere: str
) -> None:
    """Also when it came by way of another storage on the same bucket."""
    storage = library
    if elsewhere == "location":
        storage = MinioBackend(MINIO_LOCATION="below")
    elif elsewhere == "address":
        port = library.options.endpoint.port
        storage = MinioBackend(storage_name="default", MINIO_ENDPOINT=f"localhost:{port}")
    monkeypatch.setattr(Film._meta.get_field("cover"), "storage", storage)
    store(storage, "covers/a.png", "covers/b.png")
    kept = {key for key in keys(library) if key.endswith("a.png")}
    real = orphans.search_orphans

    def slow(*args: Any, **keywords: Any) -> Any:
        found = real(*args, **keywords)
        Film(cover="covers/a.png").save()
        return found

    monkeypatch.setattr(orphans, "search_orphans", slow)
    clean()
    assert keys(library) == kept


def test_static_files_are_nobodys_orphans(
    library: MinioBackend, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    static = MinioBackendStatic(storage_name="default")
    static.check_bucket_existence()
    store(static, "covers/a.css")
    monkeypatch.setattr(Film._meta.get_field("cover"), "storage", static)
    clean()
    assert keys(static) == {"covers/a.css"}


def test_deleting_is_a_request_a_thousand(
    library: MinioBackend, monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    recorded = MinioBackend(http_client=recorder)
    for model, name in FIELDS:
        monkeypatch.setattr(model._meta.get_field(name), "storage", recorded)
    monkeypatch.setattr("django_minio_backend.s3.client.MOST_DELETED", 3)
    store(library, *(f"covers/{number}.png" for number in range(7)))
    clean()
    objects, uploads, *deletions = recorder.requests
    assert ("list-type=2" in objects, "?prefix=&uploads=" in uploads) == (True, True)
    assert [request.partition(" ")[0] for request in deletions] == ["POST"] * 3
    assert keys(library) == set()


def test_a_versioned_bucket_keeps_what_was_deleted(library: MinioBackend) -> None:
    library.s3.bucket.configure(
        "versioning",
        b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
    )
    store(library, "covers/a.png")
    clean()
    assert keys(library) == set()
    versions = library.client.list_objects(
        bucket_name=library.bucket, recursive=True, include_version=True
    )
    (marker,) = (version for version in versions if version.is_delete_marker)
    library.client.remove_object(
        bucket_name=library.bucket, object_name="covers/a.png", version_id=marker.version_id
    )
    assert library.open("covers/a.png").read() == b"content"


def test_the_rest_of_a_bucket_is_looked_at_when_told(
    library: MinioBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.save("elsewhere/orphan.png", ContentFile(b"x"))
    narrow = MinioBackend(MINIO_LOCATION="narrow")
    assert "--whole-bucket" not in clean()  # a field with a callable stores anywhere
    assert keys(library) == set()
    for model, name in FIELDS:
        monkeypatch.setattr(model._meta.get_field(name), "storage", narrow)
    monkeypatch.setattr(Book._meta.get_field("scan"), "upload_to", "scans")
    store(library, "narrow/elsewhere/a.png", "outside.png")
    printed = clean()
    folders = "narrow/covers/, narrow/plates/, narrow/scans/"
    assert f"in {library.bucket} below {folders};" in printed
    assert "--whole-bucket looks at the rest" in printed
    assert keys(library) == {"narrow/elsewhere/a.png", "outside.png"}
    clean(whole_bucket=True)
    assert keys(library) == {"outside.png"}


def test_a_server_that_fails_midway_loses_nothing_more(
    library: MinioBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(library, *(f"covers/{number}.png" for number in range(4)))
    monkeypatch.setattr("django_minio_backend.s3.client.MOST_DELETED", 2)
    real, calls = Client.delete_many, []

    def failing(client: Client, doomed: Any) -> dict[str, str]:
        calls.append(doomed)
        if len(calls) == 2:
            raise ServerUnreachable("gone")
        return real(client, doomed)

    monkeypatch.setattr(Client, "delete_many", failing)
    with pytest.raises(CommandError, match=r"gone\. 2 deleted before, none after"):
        clean()
    assert len(keys(library)) == 2


def test_what_the_server_refuses_is_told(
    library: MinioBackend,
    restricted: Callable[..., dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store(library, "covers/a.png", "covers/b.png")
    limited = MinioBackend(
        **restricted(
            [
                {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::*"},
                {"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::*/*/a*"},
            ]
        )
    )
    for model, name in FIELDS:
        monkeypatch.setattr(model._meta.get_field(name), "storage", limited)
    err = io.StringIO()
    with pytest.raises(CommandError, match="1 could not be deleted, 1 were"):
        clean(stderr=err)
    assert "covers/b.png: AccessDenied" in err.getvalue()
    assert keys(library) == {"covers/b.png"}


def test_a_database_that_fails_deletes_nothing(
    library: MinioBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(library, "covers/a.png")

    def broken(*args: Any, **keywords: Any) -> Any:
        raise DatabaseError("the table is gone")

    monkeypatch.setattr(fields.Reference, "list_rows", broken)
    with pytest.raises(CommandError, match="the table is gone"):
        clean()
    assert keys(library) == {"covers/a.png"}


class World:
    """A bucket and a database in memory, which fail when they are told to."""

    def __init__(self, objects: set[str], rows: set[str], late: set[str], fails: int) -> None:
        self.objects, self.rows, self.late, self.fails = set(objects), set(rows), late, fails
        self.steps = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.fails:
            raise ServerUnreachable("gone") if self.fails % 2 else DatabaseError("gone")


NAMES = st.sets(st.sampled_from([f"covers/{number}.png" for number in range(12)]))


@given(objects=NAMES, rows=NAMES, late=NAMES, fails=st.integers(0, 25))
@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_world_loses_a_referenced_object(
    library: MinioBackend,
    monkeypatch: pytest.MonkeyPatch,
    objects: set[str],
    rows: set[str],
    late: set[str],
    fails: int,
) -> None:
    world = World(objects, rows, late, fails)
    long_ago = "2020-01-01T00:00:00Z"

    def entries(scope: Any) -> Iterator[Entry]:
        for name in sorted(world.objects):
            world.step()
            yield Entry(name, 1, "e", long_ago)

    def referring(one: Any) -> Iterator[tuple[int, str]]:
        for number, name in enumerate(sorted(world.rows)):
            world.step()
            yield number, name

    def asked(one: Any, names: Any) -> Iterator[str]:
        world.rows |= world.late  # they came after the tables were read
        world.step()
        yield from world.rows & set(names)

    def delete_many(client: Any, doomed: Any) -> dict[str, str]:
        world.step()
        refused = {key: "AccessDenied" for key in doomed if key.endswith("7.png")}
        world.objects -= {*doomed} - {*refused}
        return refused

    with monkeypatch.context() as patch:
        patch.setattr(orphans.Scope, "entries", entries)
        patch.setattr(fields.Reference, "list_rows", referring)
        patch.setattr(fields.Reference, "find_names_among", asked)
        patch.setattr(Client, "delete_many", delete_many)
        patch.setattr("django_minio_backend.s3.client.MOST_DELETED", 3)
        try:
            clean(silenced=True, stderr=io.StringIO())
        except CommandError:
            pass
        else:
            assert world.objects <= world.rows
    assert objects & world.rows <= world.objects


def test_ages_are_by_the_servers_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is two hours behind ours, and the object half an hour old."""
    stored = datetime.now(UTC) - timedelta(hours=2.5)
    entry = (
        "<Contents><Key>covers/a.png</Key><Size>1</Size><ETag>e</ETag>"
        f"<LastModified>{stored:%Y-%m-%dT%H:%M:%SZ}</LastModified></Contents>"
    )
    uploads = Answer(200, "<ListMultipartUploadsResult/>")
    with hostile(listing(entry, prefix="covers/"), uploads) as server:
        server.clock_ahead = -7200
        monkeypatch.setattr(
            "django_minio_backend.references.fields.apps.get_models", lambda **keywords: [Film]
        )
        monkeypatch.setattr(Film._meta.get_field("cover"), "storage", storage_at(server.endpoint))
        assert "1 more are younger" in clean(older_than=1, dry_run=True)


def test_what_has_no_known_age_is_no_orphan() -> None:
    now = datetime.now(UTC)
    entry = Entry("a", 1, "e", "2020-01-01T00:00:00Z")
    ageless = dataclasses.replace(entry, last_modified="")
    assert judge(entry, False, now, []) is Verdict.ORPHAN
    assert judge(entry, True, now, []) is Verdict.KEEP
    assert judge(ageless, False, now, []) is Verdict.KEEP
    assert judge(entry, False, now - timedelta(days=9999), []) is Verdict.YOUNG
    assert judge(entry, False, now, ["?"]) is Verdict.KEEP


class Router:
    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return True
