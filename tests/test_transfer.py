"""`copy_storage`, between every two kinds of storages."""

from __future__ import annotations

import io
import os
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

from django_minio_backend import MinioBackend, errors
from django_minio_backend.client import Client
from django_minio_backend.places import Folder
from django_minio_backend.reader import ObjectReader
from django_minio_backend.transfer import Transfer
from tests.conftest import Buckets, Recorder
from tests.hostile import closed_port
from tests.library.models import Book
from tests.test_uploads import MIB

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


def test_one_server_copies_by_itself(aliases: Any, buckets: Buckets, recorder: Recorder) -> None:
    storages["default"].save("a.bin", ContentFile(b"content"))
    buckets.change(MINIO_HTTP_CLIENT=recorder)
    aliases(
        second={
            "BACKEND": BACKEND,
            "OPTIONS": {**buckets.options, "MINIO_DEFAULT_BUCKET": buckets.public},
        }
    )
    copy("default", "second")
    lists = [request for request in recorder.requests if "list-type" in request]
    assert len(lists) == 2
    others = [request.partition("?")[0] for request in recorder.requests if request not in lists]
    assert others == [
        f"HEAD /{buckets.private}/a.bin",
        f"HEAD /{buckets.public}/a.bin",
        f"PUT /{buckets.public}/a.bin",
    ]


def test_who_may_not_read_the_source_streams_it(
    aliases: Any, buckets: Buckets, restricted: Callable[..., dict[str, str]]
) -> None:
    arn = f"arn:aws:s3:::{buckets.public}"
    keys = restricted([{"Effect": "Allow", "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}])
    options = {**buckets.options, **keys, "MINIO_DEFAULT_BUCKET": buckets.public}
    aliases(second={"BACKEND": BACKEND, "OPTIONS": options})
    storages["default"].save("a.bin", ContentFile(b"content"))
    assert copy("default", "second") == ("1 copied (7\xa0bytes).\n", "")
    assert content("second") == {"a.bin": b"content"}


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
    from minio.sse import SseS3

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

    monkeypatch.setattr("django_minio_backend.places.ObjectReader", Garbling)
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


def test_what_comes_while_it_copies_is_not_replaced(
    disk: Path, aliases: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    storages["second"].save("a.txt", ContentFile(b"a"))
    lookup = "django_minio_backend.places.{}.lookup"
    for kind in ("Bucket", "Place"):
        monkeypatch.setattr(lookup.format(kind), lambda place, prefix: lambda name: None)
    storages["default"].save("a.txt", ContentFile(b"first"))
    for source, target in (("disk", "default"), ("second", "default"), ("default", "disk")):
        assert "a.txt: " in copy(source, target, prefix="a.txt")[1]
    assert content("default")["a.txt"] == b"first"
    assert (disk / "a.txt").read_bytes() == b"a"


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
    assert out == "0 copied (0\xa0bytes), 1 there already, 1 differ, 1 missing.\n"
    assert "a.txt: differs\n" in said
    assert "b/d/empty.bin: is missing\n" in said
    assert "FAILED: 2 of 3 files are not the same." in said
    assert content("default") == before


def test_a_dry_run_says_what_it_would_do(disk: Path) -> None:
    storages["default"].save("extra.txt", ContentFile(b"x"))
    out, said = copy("disk", "default", dry_run=True, verbosity=2)
    assert "a.txt: copied" in out
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


@pytest.mark.django_db
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


def test_what_vanishes_meanwhile_is_no_difference(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = Folder.items

    def and_then_gone(place: Folder, prefix: str) -> Any:
        found = list(items(place, prefix))
        (disk / "a.txt").unlink()
        return found

    monkeypatch.setattr(Folder, "items", and_then_gone)
    assert copy("disk", "default") == ("2 copied (3\xa0bytes), 1 gone meanwhile.\n", "")


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

    clock = iter(range(100))
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
    storages["default"].save("a.bin", ContentFile(b"content"))
    send = Client.copy

    def late(client: Client, *args: Any) -> None:
        MinioBackend(replace_existing=True).save("a.bin", ContentFile(b"changed"))
        send(client, *args)

    monkeypatch.setattr(Client, "copy", late)
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


@pytest.mark.parametrize("overwrites", [True, False])
def test_django_storages_is_as_good_an_end_as_any(
    disk: Path, aliases: Any, buckets: Buckets, overwrites: bool
) -> None:
    pytest.importorskip("storages.backends.s3")
    options = {
        "endpoint_url": f"http://{buckets.options['MINIO_ENDPOINT'].rpartition('/')[2]}",
        "access_key": buckets.options["MINIO_ACCESS_KEY"],
        "secret_key": buckets.options["MINIO_SECRET_KEY"],
        "bucket_name": buckets.public,
        "file_overwrite": overwrites,
    }
    aliases(theirs={"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options})
    assert copy("disk", "theirs") == ("3 copied (4\xa0bytes).\n", "")
    assert copy("theirs", "default") == ("3 copied (4\xa0bytes).\n", "")
    assert content("default") == content("disk")
    assert copy("theirs", "default")[0].endswith("3 there already.\n")
    write(disk, "a.txt", b"newer", datetime.now(UTC) + timedelta(minutes=1))
    said = copy("disk", "theirs")[1]
    assert ("a.txt: FileExistsError" in said) is not overwrites
    assert content("theirs")["a.txt"] == (b"newer" if overwrites else b"a")


def test_a_file_system_without_hard_links_will_do(
    disk: Path, aliases: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    storages["default"].save("new.txt", ContentFile(b"new"))
    storages["default"].save("a.txt", ContentFile(b"late"))
    monkeypatch.setattr(Folder, "lookup", lambda place, prefix: lambda name: None)
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
