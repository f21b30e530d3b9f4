"""`copy_storage`, between every two kinds of storages."""

from __future__ import annotations

import dataclasses
import gc
import io
import itertools
import os
import re
import sys
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, InMemoryStorage, storages
from django.core.management import CommandError, call_command
from minio.sse import SseCustomerKey, SseS3

from django_minio_backend import MinioBackend, errors
from django_minio_backend.answers import MTIME
from django_minio_backend.bucket_place import Bucket
from django_minio_backend.client import Client
from django_minio_backend.places import Folder, Item
from django_minio_backend.reader import ObjectReader
from django_minio_backend.transfer import Transfer
from tests.conftest import Buckets, Recorder
from tests.hostile import closed_port
from tests.library.models import Book
from tests.test_uploads import MIB
from tools.minio_server import Server

pytestmark = pytest.mark.django_db
BACKEND = "django_minio_backend.models.MinioBackend"
LONG_AGO = datetime(2001, 2, 3, 4, 5, 6, 500_000, tzinfo=UTC)


@pytest.fixture
def aliases(buckets: Buckets, settings: Any, tmp_path: Path) -> Callable[..., Any]:
    """Declare storages: "disk", "second" beside "default", "elsewhere" by another address."""
    public = {**buckets.options, "MINIO_DEFAULT_BUCKET": buckets.public}
    port = str(buckets.options["MINIO_ENDPOINT"]).rpartition(":")[2]
    elsewhere = {**public, "MINIO_ENDPOINT": f"localhost:{port}"}

    def declare(**more: dict[str, Any]) -> None:
        files = {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "disk")},
        }
        settings.STORAGES = {
            **settings.STORAGES,
            "disk": files,
            "second": {"BACKEND": BACKEND, "OPTIONS": public},
            "elsewhere": {"BACKEND": BACKEND, "OPTIONS": elsewhere},
            "memory": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
            **more,
        }

    declare()
    return declare


@pytest.fixture
def disk(aliases: Any) -> Path:
    """The folder of "disk", with a few files of an early date."""
    folder = Path(storages["disk"].path(""))
    for name, data in {"a.txt": b"a", "b/c ä.html": b"<p>", "b/d/empty.bin": b""}.items():
        write(folder, name, data)
    return folder


def write(folder: Path, name: str, data: bytes, when: datetime = LONG_AGO) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (when.timestamp(),) * 2)


def copy(source: str, target: str, **options: Any) -> tuple[str, str]:
    """Run the command and return what it says, failures last."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(
            "copy_storage", "--from", source, "--to", target, stdout=out, stderr=err, **options
        )
    except CommandError as error:
        err.write(f"FAILED: {error}")
    return out.getvalue(), err.getvalue()


def content(alias: str) -> dict[str, bytes]:
    """Return all that a storage has, below two folders at most."""
    storage = storages[alias]
    found, waiting = {}, [""]
    while waiting:
        folder = waiting.pop()
        folders, files = storage.listdir(folder)
        waiting += [f"{folder}{name}/" for name in folders]
        for name in files:
            with storage.open(f"{folder}{name}") as file:
                found[f"{folder}{name}"] = file.read()
    return found


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


def test_a_bucket_comes_back_to_a_folder_with_its_times(disk: Path, aliases: Any) -> None:
    copy("disk", "default")
    before = content("disk")
    for path in sorted(disk.rglob("*.*")):
        path.unlink()
    assert copy("default", "disk") == ("3 copied (4\xa0bytes).\n", "")
    assert content("disk") == before
    assert (disk / "a.txt").stat().st_mtime == LONG_AGO.timestamp()
    assert copy("default", "disk")[0].endswith("3 there already.\n")


@pytest.mark.parametrize("target", ["second", "elsewhere"])
def test_objects_keep_what_they_are(aliases: Any, buckets: Buckets, target: str) -> None:
    buckets.change(
        metadata={"author": "somebody"},
        MINIO_OBJECT_HEADERS={"Cache-Control": "max-age=7", "Content-Type": "text/x-own"},
        tags={"a b": "c+d"},
        MINIO_GZIP=["text/*"],
    )
    storages["default"].save("t.txt", ContentFile(b"text " * 100))
    storages["default"].save("empty.txt", ContentFile(b""))
    source = storages["default"].stat("t.txt")  # type: ignore[attr-defined]
    assert copy("default", target)[0].startswith("2 copied")
    for name in ("t.txt", "empty.txt"):
        copied = storages[target].stat(name)  # type: ignore[attr-defined]
        assert copied.content_type == "text/x-own"
        assert copied.metadata["Cache-Control"] == "max-age=7"
        assert copied.metadata["x-amz-meta-author"] == "somebody"
        key = storages[target].s3.tags(name)  # type: ignore[attr-defined]
        assert key == [("a b", "c+d")]
    copied = storages[target].stat("t.txt")  # type: ignore[attr-defined]
    assert (copied.size, copied.metadata["Content-Encoding"]) == (source.size, "gzip")
    assert content(target)["t.txt"] == b"text " * 100
    assert storages[target].get_modified_time("t.txt") == source.last_modified
    assert copy("default", target)[0].endswith("2 there already.\n")
    assert copy("default", target, verify_only=True)[1] == ""


def requests_of_copy(recorder: Recorder) -> list[str]:
    lists = [request for request in recorder.requests if "list-type" in request]
    assert len(lists) == 2
    others = [request for request in recorder.requests if request not in lists]
    return [re.sub(r"\?(partNumber|uploadId|uploads)?.*", r" \1", one).strip() for one in others]


def test_one_server_copies_by_itself_what_is_more_than_a_request(
    aliases: Any, buckets: Buckets, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = os.urandom(11 * MIB)
    storages["default"].save("large.bin", ContentFile(data))
    buckets.change(MINIO_HTTP_CLIENT=recorder)
    options = {**buckets.options, "MINIO_DEFAULT_BUCKET": buckets.public}
    aliases(second={"BACKEND": BACKEND, "OPTIONS": options})
    copy("default", "second")
    private, public = f"/{buckets.private}/large.bin", f"/{buckets.public}/large.bin"
    assert requests_of_copy(recorder) == [
        f"HEAD {private}",
        f"POST {public} uploads",
        f"PUT {public} partNumber",
        f"POST {public} uploadId",
    ]
    assert content("second") == {"large.bin": data}
    assert copy("default", "second", verify_only=True)[1] == ""
    storages["second"].delete("large.bin")
    monkeypatch.setattr("django_minio_backend.bucket_place._COPIED_AT_ONCE", 5 * MIB)
    copy("default", "second")
    assert storages["second"].stat("large.bin").etag.endswith("-3")  # type: ignore[attr-defined]
    assert content("second") == {"large.bin": data}


def test_one_server_is_asked_twice_for_a_small_object(
    aliases: Any, buckets: Buckets, recorder: Recorder
) -> None:
    storages["default"].save("a.bin", ContentFile(b"content"))
    buckets.change(MINIO_HTTP_CLIENT=recorder)
    options = {**buckets.options, "MINIO_DEFAULT_BUCKET": buckets.public}
    aliases(second={"BACKEND": BACKEND, "OPTIONS": options})
    copy("default", "second")
    expected = [f"GET /{buckets.private}/a.bin", f"PUT /{buckets.public}/a.bin"]
    assert requests_of_copy(recorder) == expected


@pytest.mark.parametrize("replacing", [False, True])
def test_a_server_that_copies_replaces_nothing_that_came_meanwhile(
    aliases: Any, monkeypatch: pytest.MonkeyPatch, replacing: bool
) -> None:
    second = storages["second"]
    newer = MinioBackend(storage_name="second", replace_existing=True)
    if replacing:
        storages["default"].save("a.bin", ContentFile(b"old" * MIB))
        copy("default", "second")
        MinioBackend(replace_existing=True).save("a.bin", ContentFile(b"new" * MIB))
    else:
        storages["default"].save("a.bin", ContentFile(b"new" * MIB))
    finish = Client.finish_parts

    def late(client: Client, *args: Any, **keywords: Any) -> None:
        monkeypatch.undo()
        newer.save("a.bin", ContentFile(b"the site's"))
        finish(client, *args, **keywords)

    monkeypatch.setattr(Client, "finish_parts", late)
    assert "a.bin: FileExistsError: It was written meanwhile" in copy("default", "second")[1]
    with second.open("a.bin") as file:
        assert file.read() == b"the site's"
    assert (
        list(newer.s3.transport.send("GET", query=[("uploads", "")]).data.split(b"<Upload>")[1:])
        == []
    )


def test_a_server_that_copies_wrongly_is_not_believed(
    aliases: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = os.urandom(2 * MIB)
    storages["default"].save("a.bin", ContentFile(data))
    copied = Client.copy_part

    def half(client: Client, *args: Any) -> str:
        key, upload, number, source, start, stop, etag = args
        return copied(client, key, upload, number, source, start, stop // 2, etag)

    monkeypatch.setattr(Client, "copy_part", half)
    assert copy("default", "second")[0].startswith("1 copied")
    assert content("second") == {"a.bin": data}


def test_an_earlier_copy_is_replaced_within_the_server(aliases: Any) -> None:
    for data in (b"old" * MIB, b"newer" * MIB):
        MinioBackend(replace_existing=True).save("a.bin", ContentFile(data))
        assert copy("default", "second")[0].startswith("1 copied")
        assert content("second") == {"a.bin": data}


def test_who_may_not_read_the_source_streams_it(
    aliases: Any, buckets: Buckets, restricted: Callable[..., dict[str, str]]
) -> None:
    arn = f"arn:aws:s3:::{buckets.public}"
    keys = restricted([{"Effect": "Allow", "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}])
    options = {**buckets.options, **keys, "MINIO_DEFAULT_BUCKET": buckets.public}
    aliases(second={"BACKEND": BACKEND, "OPTIONS": options})
    for name, size in {"a.bin": 7, "b.bin": 2 * MIB}.items():
        storages["default"].save(name, ContentFile(b"x" * size))
    assert copy("default", "second") == ("2 copied (2.0\xa0MB).\n", "")
    assert content("second") == {"a.bin": b"x" * 7, "b.bin": b"x" * 2 * MIB}


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


def test_ciphertext_and_uneven_parts_are_read_twice_rather_than_refused(
    aliases: Any, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    MinioBackend(sse=SseS3()).save("secret.bin", ContentFile(b"secret"))
    MinioBackend().save("parts.bin", iter([b"x" * 11 * MIB]))
    monkeypatch.setattr(Client, "part_size", lambda client, key: 4 * MIB)
    assert copy("default", "elsewhere") == ("2 copied (11.0\xa0MB).\n", "")
    assert content("elsewhere") == {"secret.bin": b"secret", "parts.bin": b"x" * 11 * MIB}
    assert copy("default", "elsewhere", verify_only=True)[1] == ""


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

    monkeypatch.setattr("django_minio_backend.bucket_place.ObjectReader", Garbling)
    for target in ("elsewhere", "disk"):
        _, said = copy("default", target)
        assert "a.bin: Damaged: Its checksum is" in said
        assert "FAILED: 1 of 1 files are not the same." in said
    assert content("elsewhere") == {}
    assert (disk / "a.bin").read_bytes() == b"older"
    assert list(disk.rglob("*.partial")) == list(disk.rglob(".*")) == []


def test_a_write_that_fails_leaves_the_old_file(
    disk: Path, aliases: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(disk, "x.bin", b"older")
    storages["default"].save("x.bin", ContentFile(b"content"))

    def full(storage: Any, name: str, content: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileSystemStorage, "_save", full)
    _, said = copy("default", "disk")
    assert "x.bin: OSError: [Errno 28] No space left on device" in said
    assert (disk / "x.bin").read_bytes() == b"older"


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


def test_a_folder_takes_what_is_newer(disk: Path, aliases: Any) -> None:
    storages["default"].save("a.txt", ContentFile(b"newer"))
    storages["default"].save("b/new.txt", ContentFile(b"new"))
    assert copy("default", "disk") == ("2 copied (8\xa0bytes).\n", "")
    assert (disk / "a.txt").read_bytes() == b"newer"
    write(disk, "a.txt", b"newest", datetime.now(UTC) + timedelta(minutes=1))
    assert "a.txt: differs and is not older" in copy("default", "disk")[1]
    assert (disk / "a.txt").read_bytes() == b"newest"


def see_nothing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all files of the target come after they were looked for."""
    run = Transfer.run
    blind = lambda transfer, item, find: run(transfer, item, lambda name: None)  # noqa: E731
    monkeypatch.setattr(Transfer, "run", blind)


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


def test_a_storage_that_replaces_nothing_says_so(disk: Path) -> None:
    storages["memory"].save("a.txt", ContentFile(b"older"))
    write(disk, "a.txt", b"newer", datetime.now(UTC) + timedelta(minutes=1))
    _, said = copy("disk", "memory")
    assert "a.txt: FileExistsError: It is there already and 'memory' replaces no files." in said
    assert content("memory")["a.txt"] == b"older"
    assert set(content("memory")) == set(content("disk"))
    assert copy("memory", "disk")[1].startswith("a.txt: differs and is not older")


def test_verifying_tells_every_difference_and_changes_nothing(disk: Path) -> None:
    copy("disk", "default")
    storages["default"].delete("b/d/empty.bin")
    MinioBackend(replace_existing=True).save("a.txt", ContentFile(b"b"))
    before = content("default")
    out, said = copy("disk", "default", verify_only=True)
    assert out == "1 the same, 1 differ, 1 missing.\n"
    assert "a.txt: differs\n" in said
    assert "b/d/empty.bin: is missing\n" in said
    assert "FAILED: 2 of 3 files are not the same." in said
    assert content("default") == before


def test_a_dry_run_says_what_it_would_do(disk: Path) -> None:
    storages["default"].save("extra.txt", ContentFile(b"x"))
    out, said = copy("disk", "default", dry_run=True, verbosity=2)
    assert "a.txt: to copy" in out
    assert said == ""
    assert set(content("default")) == {"extra.txt"}


def test_a_prefix_narrows_both_sides(disk: Path) -> None:
    write(disk, "bb.txt", b"bb")
    storages["default"].save("extra.txt", ContentFile(b"x"))
    copy("disk", "default", prefix="b/", delete_extra=True, interactive=False)
    assert set(content("default")) == {"extra.txt", "b/c ä.html", "b/d/empty.bin"}
    copy("disk", "default", prefix="b")
    assert "bb.txt" in content("default")


def test_extra_files_are_deleted_when_told(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storages["default"].save("extra.txt", ContentFile(b"x"))
    assert "needs --noinput" in copy("disk", "default", delete_extra=True)[1]
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: "no")
    assert "Nothing was deleted" in copy("disk", "default", delete_extra=True)[1]
    assert "extra.txt" in content("default")
    monkeypatch.setattr("builtins.input", lambda question: "yes")
    assert "1 extra deleted." in copy("disk", "default", delete_extra=True)[0]
    assert content("default") == content("disk")
    write(disk, "only here.txt", b"x")
    copy("default", "disk", delete_extra=True, interactive=False)
    assert content("default") == content("disk")


def test_extra_files_stay_where_the_source_is_empty_or_differs_or_is_partly_read(
    disk: Path,
) -> None:
    for name in ("extra.txt", "a.txt"):
        storages["default"].save(name, ContentFile(b"x"))
    options = {"delete_extra": True, "interactive": False}
    assert "The source has no files" in copy("second", "default", **options)[1]
    assert "Nothing was deleted" in copy("disk", "default", **options)[1]
    assert "goes with neither" in copy("disk", "default", only_referenced=True, **options)[1]
    assert "extra.txt" in content("default")


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
    items = Folder.items

    def and_then_gone(place: Folder, prefix: str) -> Any:
        found = list(items(place, prefix))
        (disk / "a.txt").unlink()
        return found

    monkeypatch.setattr(Folder, "items", and_then_gone)
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
            raise errors.build(errors.ServerUnreachable, client.transport.where)
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


def test_names_that_django_refuses_go_from_bucket_to_bucket(aliases: Any, disk: Path) -> None:
    storages["default"].s3.put("a\\b.txt", b"x", {})  # type: ignore[attr-defined]
    storages["default"].s3.put("folder/", b"", {})  # type: ignore[attr-defined]
    copy("default", "elsewhere")
    found = list(storages["elsewhere"].s3.pages(""))  # type: ignore[attr-defined]
    assert [entry.key for page in found for entry in page.entries] == ["a\\b.txt"]


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


def test_progress_is_told_on_a_terminal(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    clock = itertools.count()
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    err = Terminal()
    call_command("copy_storage", "--from=disk", "--to=default", stderr=err, stdout=io.StringIO())
    assert "1 of 3 files, " in err.getvalue()
    assert "left" in err.getvalue()


def test_what_came_after_it_began_is_not_extra(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_file = Transfer.run

    def and_something_comes(transfer: Transfer, *args: Any) -> Any:
        if not storages["default"].exists("upload.txt"):
            storages["default"].save("upload.txt", ContentFile(b"x"))
        return copy_file(transfer, *args)

    monkeypatch.setattr(Transfer, "run", and_something_comes)
    out = copy("disk", "default", delete_extra=True, interactive=False, workers=1)[0]
    assert out.startswith("0 extra deleted.")
    assert storages["default"].exists("upload.txt")


@pytest.mark.parametrize(
    ("storage_class", "target"), [(FileSystemStorage, "disk"), (InMemoryStorage, "memory")]
)
def test_what_a_storage_has_garbled_is_told(
    disk: Path, monkeypatch: pytest.MonkeyPatch, storage_class: Any, target: str
) -> None:
    storages["default"].save("a.txt", ContentFile(b"content"))
    save = storage_class._save

    def garbling(storage: Any, name: str, content: Any) -> str:
        return str(save(storage, name, ContentFile(bytes(len(content.read())))))

    monkeypatch.setattr(storage_class, "_save", garbling)
    assert "a.txt: Damaged: '" in copy("default", target)[1]
    assert (disk / "a.txt").read_bytes() == b"a"


def test_a_source_that_changes_before_the_server_copies_it_is_told(
    aliases: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    storages["default"].save("a.bin", ContentFile(b"x" * 2 * MIB))
    send = Client.copy_part

    def late(client: Client, *args: Any) -> str:
        MinioBackend(replace_existing=True).save("a.bin", ContentFile(b"changed"))
        return send(client, *args)

    monkeypatch.setattr(Client, "copy_part", late)
    assert "a.bin: ObjectChanged" in copy("default", "second")[1]
    assert content("second") == {}


def test_what_is_stored_compressed_comes_to_a_folder_as_it_was(
    aliases: Any, buckets: Buckets, disk: Path
) -> None:
    buckets.change(MINIO_GZIP=["text/*"])
    storages["default"].save("t.txt", ContentFile(b"text " * 100))
    assert copy("default", "disk")[0].startswith("1 copied")
    assert (disk / "t.txt").read_bytes() == b"text " * 100
    assert copy("default", "disk")[0].endswith("1 there already.\n")
    assert copy("disk", "default", prefix="t")[0].endswith("1 there already.\n")
    write(disk, "t.txt", b"TEXT " * 100, datetime.now(UTC) + timedelta(minutes=1))
    assert copy("disk", "default", prefix="t")[0].startswith("1 copied")
    assert content("default")["t.txt"] == b"TEXT " * 100
    stored = storages["default"].stat("t.txt")  # type: ignore[attr-defined]
    assert stored.size == stored.content_size == 500


def django_storages(buckets: Buckets, **options: Any) -> dict[str, Any]:
    """Return the public bucket as django-storages knows it."""
    pytest.importorskip("storages.backends.s3")
    given = {
        "endpoint_url": f"http://{buckets.options['MINIO_ENDPOINT'].rpartition('/')[2]}",
        "access_key": buckets.options["MINIO_ACCESS_KEY"],
        "secret_key": buckets.options["MINIO_SECRET_KEY"],
        "bucket_name": buckets.public,
    }
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {**given, **options}}


@pytest.mark.parametrize("overwrites", [True, False])
def test_django_storages_is_as_good_an_end_as_any(
    disk: Path,
    aliases: Any,
    buckets: Buckets,
    monkeypatch: pytest.MonkeyPatch,
    overwrites: bool,
) -> None:
    aliases(theirs=django_storages(buckets, file_overwrite=overwrites))
    assert copy("disk", "theirs") == ("3 copied (4\xa0bytes).\n", "")
    assert copy("theirs", "default") == ("3 copied (4\xa0bytes).\n", "")
    assert content("default") == content("disk")
    assert copy("theirs", "default")[0].endswith("3 there already.\n")
    write(disk, "a.txt", b"newer", datetime.now(UTC) + timedelta(minutes=1))
    said = copy("disk", "theirs")[1]
    assert ("a.txt: FileExistsError" in said) is not overwrites
    see_nothing_there(monkeypatch)
    write(disk, "a.txt", b"newest", datetime.now(UTC) + timedelta(minutes=1))
    assert "a.txt: FileExistsError" in copy("disk", "theirs")[1]
    assert content("theirs")["a.txt"] == (b"newer" if overwrites else b"a")


def test_a_file_system_without_hard_links_will_do(
    disk: Path, aliases: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    storages["default"].save("new.txt", ContentFile(b"new"))
    storages["default"].save("a.txt", ContentFile(b"late"))
    see_nothing_there(monkeypatch)
    assert "a.txt: FileExistsError" in copy("default", "disk")[1]
    assert (disk / "new.txt").read_bytes() == b"new"
    assert (disk / "a.txt").read_bytes() == b"a"
    assert list(disk.rglob("*.partial")) == []


def test_an_interruption_says_how_far_it_is(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(transfer: Transfer, *args: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Transfer, "run", interrupt)
    said = copy("disk", "default")[1]
    assert said == "FAILED: Interrupted. 0 copied (0\xa0bytes). Run it again to go on."


EXTRA: dict[str, Any] = {"delete_extra": True, "interactive": False}


def test_what_a_row_refers_to_is_never_extra(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("row.txt", "extra.txt"):
        storages["default"].save(name, ContentFile(b"x"))
    # By another instance, and a location within.
    field_storage = MinioBackend(storage_name="default", MINIO_LOCATION="deeper")
    monkeypatch.setattr(Book._meta.get_field("cover"), "storage", storages["default"])
    monkeypatch.setattr(Book._meta.get_field("scan"), "storage", field_storage)
    field_storage.save("scan.txt", ContentFile(b"x"))
    Book.objects.create(cover="row.txt", scan="scan.txt")
    assert copy("disk", "default", **EXTRA)[0].startswith("1 extra deleted.")
    assert set(content("default")) == {*content("disk"), "row.txt", "deeper/scan.txt"}
    # Nor where it is a file of the source that has been missing there since the site went back.
    monkeypatch.setattr(Book._meta.get_field("cover"), "storage", storages["disk"])
    copy("disk", "default", **EXTRA)
    assert "row.txt" in content("default")


def test_what_a_moving_site_writes_to_is_not_cleared(disk: Path, aliases: Any) -> None:
    options = {"new": "default", "old": "disk"}
    dual = "django_minio_backend.models.DualReadStorage"
    aliases(moving={"BACKEND": dual, "OPTIONS": options})
    storages["moving"].save("upload.txt", ContentFile(b"x"))
    assert "'moving' writes to 'default'" in copy("disk", "default", **EXTRA)[1]
    assert storages["default"].exists("upload.txt")


def test_what_changes_while_it_asks_is_not_deleted(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storages["default"].save("extra.txt", ContentFile(b"x"))

    def answer(question: str) -> str:
        MinioBackend(replace_existing=True).save("extra.txt", ContentFile(b"y"))
        return "yes"

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", answer)
    assert copy("disk", "default", delete_extra=True)[0].startswith("0 extra deleted.")
    assert content("default")["extra.txt"] == b"y"


def test_a_bucket_by_another_address_is_not_cleared(aliases: Any, buckets: Buckets) -> None:
    port = str(buckets.options["MINIO_ENDPOINT"]).rpartition(":")[2]
    options = {**buckets.options, "MINIO_ENDPOINT": f"localhost:{port}", "MINIO_LOCATION": "a"}
    aliases(within={"BACKEND": BACKEND, "OPTIONS": options})
    storages["default"].save("a/b.txt", ContentFile(b"x"))
    assert "have buckets of one name" in copy("within", "default", **EXTRA)[1]
    assert "have buckets of one name" in copy("default", "within", **EXTRA)[1]
    theirs = django_storages(buckets, bucket_name=buckets.private, location="a")
    theirs["OPTIONS"]["endpoint_url"] = f"http://localhost:{port}"
    aliases(theirs=theirs)
    assert "have buckets of one name" in copy("theirs", "default", **EXTRA)[1]
    assert set(content("default")) == {"a/b.txt"}


def test_what_a_link_leads_to_is_not_deleted(disk: Path, aliases: Any, tmp_path: Path) -> None:
    write(tmp_path, "elsewhere/kept.txt", b"x")
    (disk / "link").symlink_to(tmp_path / "elsewhere")
    storages["default"].save("a.txt", ContentFile(b"a"))
    assert "link/kept.txt (A symbolic link leads there.)" in copy("default", "disk", **EXTRA)[1]
    assert (tmp_path / "elsewhere/kept.txt").exists()
    assert not (disk / "b/d/empty.bin").exists()


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


def test_what_has_no_time_is_not_taken_for_older(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storages["memory"].save("a.txt", ContentFile(b"x"))
    storages["default"].save("a.txt", ContentFile(b"y"))

    def unknown(storage: Any, name: str) -> Any:
        raise NotImplementedError

    monkeypatch.setattr(InMemoryStorage, "get_modified_time", unknown)
    for source, target in (("memory", "default"), ("default", "memory")):
        assert "a.txt: differs and is not older" in copy(source, target)[1]


def test_a_folder_that_takes_one_name_for_another_loses_neither(
    disk: Path, aliases: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    storages["default"].save("a.txt", ContentFile(b"newer"))
    listed = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: [n.upper() for n in listed(path)])
    assert "takes another file's name" in copy("default", "disk")[1]
    assert (disk / "a.txt").read_bytes() == b"a"


def test_keys_of_ones_own_are_not_shown_to_a_server_that_copies(aliases: Any) -> None:
    secret = MinioBackend(MINIO_USE_HTTPS=True, sse=SseCustomerKey(b"k" * 32))
    plain, large = Bucket("default", MinioBackend()), Item("a", 2 * MIB)
    other = Bucket("second", storages["second"])
    assert plain.can_take_from(other, large)
    plain.storage.options = secret.options = other.storage.options
    assert not plain.can_take_from(Bucket("secret", secret), large)
    assert not Bucket("secret", secret).can_take_from(plain, large)


def test_no_checksum_is_no_equal_checksum(aliases: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    storages["default"].save("a.bin", ContentFile(b"one"))
    storages["elsewhere"].save("a.bin", ContentFile(b"two"))
    items, stat = Bucket.items, Bucket.find

    def bare(item: Item | None) -> Any:
        return item and dataclasses.replace(item, etag="")

    monkeypatch.setattr(Bucket, "items", lambda *args: map(bare, items(*args)))
    monkeypatch.setattr(Bucket, "find", lambda *args: bare(stat(*args)))
    for options in ({}, {"verify_only": True}):
        assert "a.bin: differs" in copy("default", "elsewhere", **options)[1]


def test_rows_that_refer_elsewhere_are_told(disk: Path, aliases: Any, buckets: Buckets) -> None:
    said = copy("disk", "second", only_referenced=True)[1]
    assert "No row refers to a file of 'disk' or 'second'." in said


@pytest.mark.parametrize("target", ["default", "disk"])
def test_what_only_the_target_has_is_counted(disk: Path, aliases: Any, target: str) -> None:
    source = "disk" if target == "default" else "default"
    copy("disk", "default")
    storages[target].save("only here.txt", ContentFile(b"x"))
    out, said = copy(source, target, verify_only=True)
    assert out.startswith(f"1 are in '{target}' only.\n")
    assert said == ""


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


def test_headers_that_are_not_ascii_go_along(aliases: Any) -> None:
    header = {"Content-Disposition": 'attachment; filename="Übersicht.pdf"'}
    for name, size in {"a.pdf": 1, "b.pdf": 2 * MIB}.items():
        storages["default"].s3.put(name, b"x" * size, header)  # type: ignore[attr-defined]
    for target in ("second", "elsewhere"):
        for alias in ("second", "elsewhere"):
            for name in ("a.pdf", "b.pdf"):
                storages[alias].delete(name)
        assert copy("default", target)[1] == ""
        for name in ("a.pdf", "b.pdf"):
            found = storages[target].stat(name)  # type: ignore[attr-defined]
            assert found.metadata["Content-Disposition"] == header["Content-Disposition"]


def test_the_same_text_compressed_and_not_is_the_same(aliases: Any, buckets: Buckets) -> None:
    storages["elsewhere"].save("t.txt", ContentFile(b"text " * 100))
    buckets.change(MINIO_GZIP=["text/*"])
    storages["default"].save("t.txt", ContentFile(b"text " * 100))
    for options in ({}, {"verify_only": True}):
        assert copy("default", "elsewhere", **options)[1] == ""


@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_django_storages_keeps_types_and_may_compress(
    aliases: Any, buckets: Buckets, disk: Path
) -> None:
    gzip = {"gzip": True, "gzip_content_types": ["text/x-own"]}
    aliases(theirs=django_storages(buckets, **gzip))
    storages["default"].s3.put(  # type: ignore[attr-defined]
        "t.own", b"text " * 100, {"Content-Type": "text/x-own"}
    )
    assert copy("default", "theirs")[1] == ""
    assert copy("default", "theirs")[0].endswith("1 there already.\n")
    assert copy("theirs", "disk")[1] == ""
    assert (disk / "t.own").read_bytes() == b"text " * 100
    storages["default"].delete("t.own")
    assert copy("theirs", "default")[1] == ""
    assert storages["default"].stat("t.own").content_type == "text/x-own"  # type: ignore[attr-defined]
    gc.collect()  # it leaves the files open that it has compressed


def test_a_storage_that_renames_is_told_so_and_loses_nothing(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storages["memory"].save("other.txt", ContentFile(b"kept"))
    monkeypatch.setattr(InMemoryStorage, "_save", lambda *args: "other.txt")
    said = copy("disk", "memory", prefix="a.txt")[1]
    assert "It was stored as 'other.txt': 'memory' renames it." in said
    assert content("memory") == {"other.txt": b"kept"}


def test_names_that_no_object_has_are_told(disk: Path) -> None:
    write(disk, "a\\b.txt", b"x")
    assert "SuspiciousFileOperation: No object that Django opens" in copy("disk", "default")[1]
    assert "a/b.txt" not in content("default")


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
