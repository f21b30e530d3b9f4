"""`copy_storage`, between every two kinds of storages."""

from __future__ import annotations

import dataclasses
import os
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import InMemoryStorage, storages
from minio.sse import SseS3

from django_minio_backend import MinioBackend, errors
from django_minio_backend.moving.adapters import Item
from django_minio_backend.moving.filesystem import FileSystemAdapter
from django_minio_backend.moving.minio import MinioAdapter
from django_minio_backend.moving.transfer import Transfer
from django_minio_backend.s3.client import Client
from django_minio_backend.storage.metadata import MTIME
from django_minio_backend.storage.reader import ObjectReader
from tests.conftest import Buckets, Recorder
from tests.hostile import closed_port
from tests.library.models import Book
from tests.moving.conftest import (
    BACKEND,
    EXTRA,
    LONG_AGO,
    content,
    copy,
    django_storages,
    see_nothing_there,
    write,
)
from tests.proxy import Fault, faulty_line
from tests.sizes import MIB
from tools.minio_server import Server

pytestmark = pytest.mark.django_db


def test_a_folder_comes_whole_and_is_not_sent_twice(disk: Path) -> None:
    assert copy("disk", "default") == ("3 copied (4\xa0bytes).\n", "")
    assert content("default") == {"a.txt": b"a", "b/c ä.html": b"<p>", "b/d/empty.bin": b""}
    stat = storages["default"].stat("b/c ä.html")  # type: ignore[attr-defined]
    assert stat.content_type == "text/html"
    assert storages["default"].get_modified_time("a.txt") == LONG_AGO
    assert copy("disk", "default") == ("0 copied (0\xa0bytes), 3 there already.\n", "")


def test_what_is_there_costs_one_listing(disk: Path, buckets: Buckets, recorder: Recorder) -> None:
    buckets.change(MINIO_HTTP_CLIENT=recorder)
    copy("disk", "default")
    assert sorted(recorder.methods) == ["GET", "PUT", "PUT", "PUT"]
    del recorder.requests[:]
    copy("disk", "default")
    assert recorder.methods == ["GET"]


def test_what_was_sent_in_parts_is_known_again(
    aliases: Any, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = os.urandom(11 * MIB)
    buckets.change(MINIO_MULTIPART_PART_SIZE=5 * MIB)
    MinioBackend().save("parts.bin", iter([data]))
    assert "-3" in storages["default"].stat("parts.bin").etag  # type: ignore[attr-defined]
    for target in ("second", "disk"):
        assert copy("default", target)[0].startswith("1 copied")
        assert content(target) == {"parts.bin": data}
    copy("second", "default", prefix="none")
    opened: list[str] = []
    stream = Client.stream

    def noted(client: Client, key: str, *args: Any, **keywords: Any) -> Any:
        opened.append(key)
        return stream(client, key, *args, **keywords)

    monkeypatch.setattr(Client, "stream", noted)
    for target in ("second", "disk"):
        assert copy("default", target)[0].endswith("1 there already.\n")
    assert copy("default", "disk", verify_only=True)[1] == ""
    assert opened == []
    # One more answer than a mark: verifying reads both.
    assert copy("default", "second", verify_only=True)[1] == ""
    assert set(opened) == {"parts.bin"}


def test_what_is_damaged_on_its_way_is_not_stored(
    disk: Path, aliases: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    storages["default"].save("a.bin", ContentFile(b"content"))
    storages["disk"].save("a.bin", ContentFile(b"older"))
    write(disk, "a.bin", b"older")

    class Garbling(ObjectReader):
        def readinto(self, buffer: Any) -> int:
            count = super().readinto(buffer)
            buffer[:count] = bytes(count)
            return count

    monkeypatch.setattr("django_minio_backend.moving.minio.ObjectReader", Garbling)
    for target in ("elsewhere", "disk"):
        _, said = copy("default", target)
        assert "a.bin: Damaged: Its checksum is" in said
        assert "FAILED: 1 of 1 files are not the same." in said
    assert content("elsewhere") == {}
    assert (disk / "a.bin").read_bytes() == b"older"
    assert list(disk.rglob("*.partial")) == list(disk.rglob(".*")) == []


def test_a_changed_source_replaces_its_copy(disk: Path) -> None:
    copy("disk", "default")
    write(disk, "a.txt", b"changed", LONG_AGO - timedelta(days=1))
    assert copy("disk", "default")[0] == "1 copied (7\xa0bytes), 2 there already.\n"
    assert content("default")["a.txt"] == b"changed"


def test_what_the_site_wrote_to_the_target_stays(disk: Path) -> None:
    copy("disk", "default")
    MinioBackend(replace_existing=True).save("a.txt", ContentFile(b"newer"))
    out, said = copy("disk", "default")
    assert out == "0 copied (0\xa0bytes), 2 there already, 1 differ.\n"
    assert "a.txt: differs and is not older: left as it is" in said
    assert "FAILED: 1 of 3 files are not the same." in said
    assert content("default")["a.txt"] == b"newer"


def test_what_comes_while_it_copies_is_not_replaced(
    disk: Path, aliases: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    see_nothing_there(monkeypatch)
    storages["second"].save("a.txt", ContentFile(b"a"))
    for alias in ("default", "memory"):
        storages[alias].save("a.txt", ContentFile(b"first"))
    for source, target in (
        ("disk", "default"),
        ("second", "default"),
        ("default", "disk"),
        ("disk", "memory"),
    ):
        assert "a.txt: FileExistsError" in copy(source, target, prefix="a.txt")[1]
    assert content("default")["a.txt"] == content("memory")["a.txt"] == b"first"
    assert (disk / "a.txt").read_bytes() == b"a"


@pytest.mark.parametrize("target", ["default", "disk"])
def test_what_the_site_writes_just_before_it_is_replaced_stays(
    disk: Path, aliases: Any, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=1)
    if target == "disk":
        storages["default"].save("a.txt", ContentFile(b"newer"))
    else:
        copy("disk", "default")
        write(disk, "a.txt", b"newer", soon)
    send = Transfer._send

    def late(transfer: Transfer, *args: Any, **keywords: Any) -> None:
        if target == "disk":
            write(disk, "a.txt", b"the site's", soon)
        else:
            site = MinioBackend(replace_existing=True)
            site.save("a.txt", ContentFile(b"the site's"))
        send(transfer, *args, **keywords)

    monkeypatch.setattr(Transfer, "_send", late)
    source = "default" if target == "disk" else "disk"
    said = copy(source, target, prefix="a.txt")[1]
    assert "a.txt: FileExistsError: It was written meanwhile" in said
    assert content(target)["a.txt"] == b"the site's"


def test_a_prefix_narrows_both_sides(disk: Path) -> None:
    write(disk, "bb.txt", b"bb")
    storages["default"].save("extra.txt", ContentFile(b"x"))
    copy("disk", "default", prefix="b/", delete_extra=True, interactive=False)
    assert set(content("default")) == {"extra.txt", "b/c ä.html", "b/d/empty.bin"}
    copy("disk", "default", prefix="b")
    assert "bb.txt" in content("default")


def test_only_what_rows_refer_to_is_copied(
    disk: Path, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Book._meta.get_field("cover"), "storage", storages["disk"])
    monkeypatch.setattr(Book._meta.get_field("scan"), "storage", InMemoryStorage())
    Book.objects.create(cover="a.txt", scan="b/c ä.html")
    Book.objects.create(cover="gone.txt")
    buckets.change(MINIO_REFERENCES=lambda storage: ["b/d/empty.bin"])
    said = copy("disk", "default", only_referenced=True)[1]
    assert set(content("default")) == {"a.txt", "b/d/empty.bin"}
    assert said == "gone.txt: is referred to and not there\n"


def test_a_missing_folder_is_no_empty_one(disk: Path, aliases: Any) -> None:
    aliases(
        disk={
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(disk / "not mounted")},
        }
    )
    assert "FAILED: FileNotFoundError" in copy("disk", "default")[1]


def test_what_vanishes_is_told_and_ends_in_no_deletion(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = FileSystemAdapter.list_items

    def and_then_gone(place: FileSystemAdapter, prefix: str) -> Any:
        found = list(items(place, prefix))
        (disk / "a.txt").unlink()
        return found

    monkeypatch.setattr(FileSystemAdapter, "list_items", and_then_gone)
    out, said = copy("disk", "default", delete_extra=True, interactive=False)
    assert out == ""
    assert "a.txt: is gone from the source\n" in said
    assert said.endswith("1 gone from the source. Nothing was deleted.")


def test_an_outage_ends_it_at_once(disk: Path, aliases: Any, buckets: Buckets) -> None:
    with closed_port() as endpoint:
        options = {**buckets.options, "MINIO_ENDPOINT": endpoint, "MINIO_RETRIES": 0}
        aliases(second={"BACKEND": BACKEND, "OPTIONS": options})
        for source, target in (("second", "disk"), ("disk", "second")):
            assert "FAILED: ServerUnreachable" in copy(source, target)[1]
    aliases(second={"BACKEND": BACKEND, "OPTIONS": {**buckets.options, "MINIO_SECRET_KEY": "x"}})
    said = copy("disk", "second")[1]
    assert "FAILED: InvalidCredentials" in said


def test_an_outage_midway_ends_it_and_the_next_run_goes_on(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Client.put
    sent: list[str] = []

    def dying(client: Client, key: str, *args: Any, **keywords: Any) -> None:
        sent.append(key)
        if len(sent) == 2:
            raise errors.make_error(errors.ServerUnreachable, client.location)
        put(client, key, *args, **keywords)

    monkeypatch.setattr(Client, "put", dying)
    said = copy("disk", "default", workers=1)[1]
    assert said.startswith("FAILED: ServerUnreachable")
    assert "copied" in said
    monkeypatch.undo()
    out, said = copy("disk", "default")
    assert said == ""
    assert content("default") == content("disk")
    assert "there already" in out


def test_places_that_are_one_are_refused(aliases: Any, disk: Path, buckets: Buckets) -> None:
    aliases(
        inside={"BACKEND": BACKEND, "OPTIONS": {**buckets.options, "MINIO_LOCATION": "b"}},
        folder={
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(disk / "b")},
        },
        dual={
            "BACKEND": "django_minio_backend.models.DualReadStorage",
            "OPTIONS": {"new": "default", "old": "disk"},
        },
    )
    for target in ("default", "inside"):
        assert "are one place, or one in the other" in copy("default", target)[1]
    assert "are one place, or one in the other" in copy("disk", "folder")[1]
    aliases(theirs=django_storages(buckets, bucket_name=buckets.private, location="b"))
    assert "are one place, or one in the other" in copy("theirs", "default")[1]
    assert "'nowhere' is not in STORAGES, which has: default" in copy("default", "nowhere")[1]
    assert "is a DualReadStorage: name one of its two" in copy("default", "dual")[1]


def test_memory_is_bounded_whatever_the_size(
    aliases: Any, buckets: Buckets, tmp_path: Path
) -> None:
    size = 192 * MIB
    with (tmp_path / "large").open("w+b") as file:
        file.truncate(size)
        storages["default"].save("large.bin", File(file))

    def peak(source: str, target: str) -> int:
        tracemalloc.start()
        try:
            assert copy(source, target)[0].startswith("1 copied")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak("default", "elsewhere") < 16 * MIB
    assert peak("default", "disk") < 16 * MIB


def test_a_copy_from_elsewhere_is_replaced_by_what_is_newer_only(disk: Path, aliases: Any) -> None:
    MinioBackend(storage_name="second").save("a.txt", ContentFile(b"newer"))
    assert copy("second", "default", prefix="a.txt")[0].startswith("1 copied")
    assert "differs and is not older" in copy("disk", "default", prefix="a.txt")[1]
    assert content("default")["a.txt"] == b"newer"


def test_what_was_old_when_it_was_moved_is_old_still(disk: Path, aliases: Any) -> None:
    storages["default"].save("a.txt", ContentFile(b"of today"))
    copy("disk", "second")
    assert "differs and is not older" in copy("second", "default", prefix="a.txt")[1]
    assert content("default")["a.txt"] == b"of today"
    storages["default"].s3.put("a.txt", b"of 1970", {MTIME: "1.5"})  # type: ignore[attr-defined]
    assert copy("second", "default", prefix="a.txt")[0].startswith("1 copied")


def test_no_checksum_is_no_equal_checksum(aliases: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    storages["default"].save("a.bin", ContentFile(b"one"))
    storages["elsewhere"].save("a.bin", ContentFile(b"two"))
    items, stat = MinioAdapter.list_items, MinioAdapter.find

    def bare(item: Item | None) -> Any:
        return item and dataclasses.replace(item, etag="")

    monkeypatch.setattr(MinioAdapter, "list_items", lambda *args: map(bare, items(*args)))
    monkeypatch.setattr(MinioAdapter, "find", lambda *args: bare(stat(*args)))
    for options in ({}, {"verify_only": True}):
        assert "a.bin: differs" in copy("default", "elsewhere", **options)[1]


def test_rows_that_refer_elsewhere_are_told(disk: Path, aliases: Any, buckets: Buckets) -> None:
    said = copy("disk", "second", only_referenced=True)[1]
    assert "No row refers to a file of 'disk' or 'second'." in said


def test_a_file_that_cannot_be_read_does_not_keep_the_others(disk: Path, aliases: Any) -> None:
    (disk / "nowhere").symlink_to(disk / "not there")
    out, said = copy("disk", "default")
    assert out.startswith("3 copied")
    assert "nowhere: FileNotFoundError" in said


def test_a_prefix_that_is_nowhere_is_none_of_the_files(disk: Path) -> None:
    out, said = copy("disk", "default", prefix="none/of")
    assert (out, said) == ("0 copied (0\xa0bytes).\n", "No file of 'disk' begins with 'none/of'.\n")
    for prefix in ("../x", "a/../../x"):
        assert "FAILED: --prefix leads out" in copy("disk", "default", prefix=prefix)[1]


def test_the_same_text_compressed_and_not_is_the_same(aliases: Any, buckets: Buckets) -> None:
    storages["elsewhere"].save("t.txt", ContentFile(b"text " * 100))
    buckets.change(MINIO_GZIP=["text/*"])
    storages["default"].save("t.txt", ContentFile(b"text " * 100))
    for options in ({}, {"verify_only": True}):
        assert copy("default", "elsewhere", **options)[1] == ""


def test_buckets_of_one_name_on_two_servers_are_two(
    aliases: Any, buckets: Buckets, other_server: Server
) -> None:
    keys = {
        "MINIO_ACCESS_KEY": other_server.access_key,
        "MINIO_SECRET_KEY": other_server.secret_key,
    }
    options = {**buckets.options, **keys, "MINIO_ENDPOINT": other_server.endpoint}
    aliases(theirs={"BACKEND": BACKEND, "OPTIONS": options})
    MinioBackend(storage_name="theirs").check_bucket_existence()
    storages["default"].save("a.txt", ContentFile(b"x"))
    storages["theirs"].save("extra.txt", ContentFile(b"x"))
    assert copy("default", "theirs", **EXTRA)[0].startswith("1 extra deleted.")
    assert content("theirs") == {"a.txt": b"x"}
    storages["theirs"].delete("a.txt")


def parted(storage: MinioBackend, name: str, *sizes: int) -> bytes:
    """Store an object in parts of these sizes and return its content."""
    parts = [os.urandom(size) for size in sizes]
    upload = storage.s3.start_upload(name, {})
    storage.s3.finish_upload(upload, [upload.put_part(n, part) for n, part in enumerate(parts, 1)])
    return b"".join(parts)


@pytest.fixture
def shaky(
    aliases: Callable[..., Any], buckets: Buckets, server: Server
) -> Iterator[Callable[[], None]]:
    """Declare "shaky": "default" by a line that flips a bit of each answer once it is told to."""
    faults: list[Fault] = []
    with faulty_line(server.endpoint, more=faults) as (line, _):
        options = {**buckets.options, "MINIO_ENDPOINT": line}
        aliases(shaky={"BACKEND": BACKEND, "OPTIONS": options})
        yield lambda: faults.append(Fault("GET .*bin", "flip", repeats=True))


@pytest.mark.parametrize("sizes", [(MIB,), (5 * MIB, 5 * MIB, 9), (6 * MIB, 5 * MIB, 7)])
def test_damage_that_repeats_is_never_a_copy(
    shaky: Callable[[], None], tmp_path: Path, sizes: tuple[int, ...]
) -> None:
    content = parted(MinioBackend(), "a.bin", *sizes) if len(sizes) > 1 else os.urandom(MIB)
    if len(sizes) == 1:
        MinioBackend().save("a.bin", ContentFile(content))
    shaky()
    out, said = copy("shaky", "disk")
    assert "1 failed" in out or "FAILED" in said
    assert "a.bin: Damaged" in said or "a.bin: IntegrityError" in said
    assert not (tmp_path / "disk" / "a.bin").exists()


def test_parts_of_uneven_sizes_are_proven_by_their_sizes(
    shaky: Callable[[], None], tmp_path: Path
) -> None:
    content = parted(MinioBackend(), "a.bin", 6 * MIB, 5 * MIB, 7)
    assert copy("shaky", "disk") == ("1 copied (11.0\xa0MB).\n", "")
    assert (tmp_path / "disk" / "a.bin").read_bytes() == content


def test_what_nobody_can_prove_is_told(shaky: Callable[[], None], tmp_path: Path) -> None:
    MinioBackend(sse=SseS3()).save("a.bin", ContentFile(b"content"))
    shaky()
    out, said = copy("shaky", "disk")
    assert "1 copied and not proven" in out
    assert "a.bin: was copied, and could not be proven to be the same" in said
    assert "FAILED: 1 of 1 files are not the same." in said
