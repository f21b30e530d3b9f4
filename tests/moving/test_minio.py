from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from minio.sse import SseCustomerKey

from django_minio_backend import MinioBackend
from django_minio_backend.moving.adapters import Item
from django_minio_backend.moving.minio import MinioAdapter
from django_minio_backend.s3.client import Client
from django_minio_backend.s3.multipart import MultipartUpload
from tests.conftest import Buckets, Recorder
from tests.moving.conftest import BACKEND, content, copy, write
from tests.sizes import MIB

pytestmark = pytest.mark.django_db


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
        assert copied.content_type == "text/x-own; charset=utf-8"
        assert copied.metadata["Cache-Control"] == "max-age=7"
        assert copied.metadata["x-amz-meta-author"] == "somebody"
        key = storages[target].s3.read_tags(name)  # type: ignore[attr-defined]
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
    monkeypatch.setattr("django_minio_backend.s3.copying.COPIED_AT_ONCE", 5 * MIB)
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
    finish = Client.finish_upload

    def late(client: Client, *args: Any, **keywords: Any) -> None:
        monkeypatch.undo()
        newer.save("a.bin", ContentFile(b"the site's"))
        finish(client, *args, **keywords)

    monkeypatch.setattr(Client, "finish_upload", late)
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
    copy_part = MultipartUpload.copy_part

    def half(upload: MultipartUpload, *args: Any) -> str:
        number, source, start, stop, etag = args
        return copy_part(upload, number, source, start, stop // 2, etag)

    monkeypatch.setattr(MultipartUpload, "copy_part", half)
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


def test_names_that_django_refuses_go_from_bucket_to_bucket(aliases: Any, disk: Path) -> None:
    storages["default"].s3.put("a\\b.txt", b"x", {})  # type: ignore[attr-defined]
    storages["default"].s3.put("folder/", b"", {})  # type: ignore[attr-defined]
    copy("default", "elsewhere")
    found = list(storages["elsewhere"].s3.list_pages(""))  # type: ignore[attr-defined]
    assert [entry.key for page in found for entry in page.entries] == ["a\\b.txt"]


def test_a_source_that_changes_before_the_server_copies_it_is_told(
    aliases: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    storages["default"].save("a.bin", ContentFile(b"x" * 2 * MIB))
    copy_part = MultipartUpload.copy_part

    def late(upload: MultipartUpload, *args: Any) -> str:
        MinioBackend(replace_existing=True).save("a.bin", ContentFile(b"changed"))
        return copy_part(upload, *args)

    monkeypatch.setattr(MultipartUpload, "copy_part", late)
    assert "a.bin: ObjectChanged" in copy("default", "second")[1]
    assert content("second") == {}


def test_keys_of_ones_own_are_not_shown_to_a_server_that_copies(aliases: Any) -> None:
    secret = MinioBackend(MINIO_USE_HTTPS=True, sse=SseCustomerKey(b"k" * 32))
    plain, large = MinioAdapter("default", MinioBackend()), Item("a", 2 * MIB)
    other = MinioAdapter("second", storages["second"])
    assert plain.can_copy_from(other, large)
    plain.storage.options = secret.options = other.storage.options
    assert not plain.can_copy_from(MinioAdapter("secret", secret), large)
    assert not MinioAdapter("secret", secret).can_copy_from(plain, large)


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


def test_names_that_no_object_has_are_told(disk: Path) -> None:
    write(disk, "a\\b.txt", b"x")
    assert "SuspiciousFileOperation: No object that Django opens" in copy("disk", "default")[1]
    assert "a/b.txt" not in content("default")


def test_a_source_that_changes_while_the_server_copies_is_named_itself(
    aliases: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = MinioBackend(), MinioBackend(storage_name="second")
    source.save("a.bin", ContentFile(os.urandom(2 * MIB)))
    real = Client.start_upload

    def start(client: Client, key: str, headers: Any) -> MultipartUpload:
        MinioBackend(replace_existing=True).save("a.bin", ContentFile(b"another"))
        return real(client, key, headers)

    monkeypatch.setattr(Client, "start_upload", start)
    said = copy("default", "second")[1]
    assert f"storage 'default', bucket '{source.bucket}', object 'a.bin'" in said
    assert target.bucket not in said


def test_a_source_that_vanishes_while_the_server_copies_is_gone(
    aliases: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = MinioBackend()
    source.save("a.bin", ContentFile(os.urandom(2 * MIB)))
    copy_part = MultipartUpload.copy_part

    def late(upload: MultipartUpload, *args: Any) -> str:
        source.delete("a.bin")
        return copy_part(upload, *args)

    monkeypatch.setattr(MultipartUpload, "copy_part", late)
    said = copy("default", "second")[1]
    assert "a.bin: is gone from the source" in said
    assert content("second") == {}
