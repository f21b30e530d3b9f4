from __future__ import annotations

import datetime
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from minio.commonconfig import GOVERNANCE, Tags
from minio.retention import Retention
from minio.sse import SseS3

from django_minio_backend import MinioBackend, models
from django_minio_backend.errors import StorageFull
from tests.bad_names import BAD_NAMES
from tests.conftest import Buckets, Fetch, Recorder
from tests.hostile import hostile, s3_error

ODD_NAMES = [
    "a b.txt",
    "h#a?s%h+&=.txt",
    "ünï/cödé ☃.txt",
    "a'(b)!*~.txt",
    "100%25.txt",
    "日本/語.txt",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_survive_save_listing_link_and_get(
    storage: MinioBackend, public_storage: MinioBackend, fetch: Fetch, name: str
) -> None:
    for each in (storage, public_storage):
        assert each.save(name, ContentFile(name.encode())) == name
        folder, _, file = name.rpartition("/")
        assert file in each.listdir(folder)[1]
        with each.open(name) as opened:
            assert opened.read() == name.encode()
        answer = fetch(each.url(name))
        assert (answer.status, answer.data) == (200, name.encode())


@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_names_are_refused_before_any_request(
    buckets: Buckets, recorder: Recorder, name: str
) -> None:
    storage = MinioBackend(http_client=recorder)
    calls: list[Callable[[str], object]] = [
        lambda n: storage.save(n, ContentFile(b"x")),
        storage.open,
        storage.stat,
        storage.size,
        storage.get_modified_time,
    ]
    # The empty name is the root, which exists, and has an error of its own in delete().
    calls += [storage.delete] if name else []
    calls += [storage.exists] if name not in {"", "/"} else []
    for call in calls:
        with pytest.raises(SuspiciousFileOperation):
            call(name)
    assert recorder.requests == []


def test_over_long_keys_are_refused_before_any_request(
    buckets: Buckets, recorder: Recorder
) -> None:
    with pytest.raises(SuspiciousFileOperation, match="too long"):
        MinioBackend(http_client=recorder).save("x/" * 512 + "y", ContentFile(b""))
    assert recorder.requests == []


def test_a_segment_too_long_for_the_server_is_a_suspicious_name(storage: MinioBackend) -> None:
    with pytest.raises(SuspiciousFileOperation, match="255 bytes"):
        storage.save("x" * 300, ContentFile(b""))


def test_an_empty_file_is_a_file(storage: MinioBackend) -> None:
    storage.save("empty.txt", ContentFile(b""))
    assert storage.exists("empty.txt")
    assert storage.size("empty.txt") == 0
    with storage.open("empty.txt") as file:
        assert file.read() == b""
    with storage.open("empty.txt", "r") as file:
        assert file.read() == ""


def test_a_missing_object_is_file_not_found(storage: MinioBackend) -> None:
    calls: list[Callable[[str], object]] = [
        storage.open,
        storage.size,
        storage.stat,
        storage.get_modified_time,
    ]
    for call in calls:
        with pytest.raises(
            FileNotFoundError, match=r"storage 'default', bucket.*object 'no/where'"
        ):
            call("no/where")
    assert not storage.exists("no/where")
    storage.delete("no/where")


def test_the_root_exists(storage: MinioBackend) -> None:
    assert storage.exists("")


def test_what_a_local_file_system_has_is_not_implemented(storage: MinioBackend) -> None:
    for call in (storage.path, storage.get_created_time, storage.get_accessed_time):
        with pytest.raises(NotImplementedError):
            call("x")


def test_delete_deletes(storage: MinioBackend) -> None:
    storage.save("x.txt", ContentFile(b"x"))
    storage.delete("x.txt")
    assert not storage.exists("x.txt")


def test_a_taken_name_gets_an_alternative(storage: MinioBackend) -> None:
    first = storage.save("a.txt", ContentFile(b"1"))
    second = storage.save("a.txt", ContentFile(b"2"))
    assert first == "a.txt"
    assert second.startswith("a_")
    assert [storage.open(name).read() for name in (first, second)] == [b"1", b"2"]


def test_max_length_is_kept(storage: MinioBackend) -> None:
    storage.save("abcdefghijkl.txt", ContentFile(b"1"))
    name = storage.save("abcdefghijkl.txt", ContentFile(b"2"), max_length=16)
    assert len(name) == 16
    with pytest.raises(SuspiciousFileOperation, match="max_length"):
        storage.save("abcdefghijkl.txt", ContentFile(b"3"), max_length=5)


def test_replace_existing_replaces(buckets: Buckets) -> None:
    storage = MinioBackend(replace_existing=True)
    for content in (b"1", b"2"):
        assert storage.save("a.txt", ContentFile(content)) == "a.txt"
    assert storage.listdir("") == ([], ["a.txt"])
    assert storage.open("a.txt").read() == b"2"
    assert storage.get_available_name("a.txt", max_length=20) == "a.txt"
    assert len(storage.get_available_name("abcdefghijkl.txt", max_length=14)) == 14


def test_listdir_lists_one_level(storage: MinioBackend) -> None:
    for name in ("a/b/c.txt", "a/d.txt", "e.txt", "a.txt"):
        storage.save(name, ContentFile(b""))
    assert storage.listdir("") == (["a"], ["a.txt", "e.txt"])
    assert storage.listdir("a") == (["b"], ["d.txt"])
    assert storage.listdir("a/") == (["b"], ["d.txt"])
    assert storage.listdir("nowhere") == ([], [])


def test_a_folder_marker_is_no_file(storage: MinioBackend) -> None:
    storage.client.put_object(
        bucket_name=storage.bucket, object_name="a/", data=io.BytesIO(b""), length=0
    )
    assert storage.listdir("a") == ([], [])


@pytest.mark.usefixtures("buckets")
def test_listdir_follows_every_page(buckets: Buckets, recorder: Recorder) -> None:
    storage = MinioBackend(http_client=recorder)
    expected = sorted(f"{number}.txt" for number in range(1001))
    for name in expected:
        storage.s3.put(name, b"", {})
    recorder.requests.clear()
    assert storage.listdir("") == ([], expected)
    assert recorder.methods == ["GET", "GET"]


def test_a_location_is_a_prefix_that_names_do_not_show(
    buckets: Buckets, storage: MinioBackend, fetch: Fetch
) -> None:
    below = MinioBackend(MINIO_LOCATION="/site one/media/")
    assert below.save("a/b.txt", ContentFile(b"x")) == "a/b.txt"
    assert storage.exists("site one/media/a/b.txt")
    assert below.listdir("") == (["a"], [])
    assert below.listdir("a") == ([], ["b.txt"])
    assert fetch(below.url("a/b.txt")).status == 200
    below.delete("a/b.txt")
    assert not storage.exists("site one/media/a/b.txt")


REQUESTS: list[tuple[str, Callable[[MinioBackend], object], list[str]]] = [
    ("save", lambda s: s.save("new.txt", ContentFile(b"x")), ["PUT"]),
    ("save text", lambda s: s.save("new.txt", ContentFile("x")), ["PUT"]),
    ("save taken", lambda s: s.save("a.txt", ContentFile(b"x")), ["PUT", "PUT"]),
    ("open", lambda s: s.open("a.txt").read(), ["GET"]),
    ("exists", lambda s: s.exists("a.txt"), ["HEAD"]),
    ("size", lambda s: s.size("a.txt"), ["HEAD"]),
    ("modified", lambda s: s.get_modified_time("a.txt"), ["HEAD"]),
    ("delete", lambda s: s.delete("a.txt"), ["DELETE"]),
    ("listdir", lambda s: s.listdir(""), ["GET"]),
    ("url", lambda s: s.url("a.txt"), []),
    ("construction", lambda s: MinioBackend(http_client=s.HTTP_CLIENT), []),
]


@pytest.mark.parametrize(
    ("call", "methods"), [r[1:] for r in REQUESTS], ids=[r[0] for r in REQUESTS]
)
def test_every_operation_keeps_its_request_budget(
    buckets: Buckets,
    storage: MinioBackend,
    recorder: Recorder,
    call: Callable[[MinioBackend], object],
    methods: list[str],
) -> None:
    storage.save("a.txt", ContentFile(b"x"))
    call(MinioBackend(http_client=recorder))
    assert recorder.methods == methods


def test_replacing_is_one_request(buckets: Buckets, recorder: Recorder) -> None:
    storage = MinioBackend(http_client=recorder, replace_existing=True)
    storage.save("a.txt", ContentFile(b"1"))
    storage.save("a.txt", ContentFile(b"2"))
    assert recorder.methods == ["PUT", "PUT"]


def test_the_type_is_the_claims_then_the_names(storage: MinioBackend) -> None:
    claimed = SimpleUploadedFile("a.dat", b"x", content_type="text/x-special")
    storage.save("a.dat", claimed)
    storage.save("b.png", ContentFile(b"x"))
    storage.save("c", ContentFile(b"x"))
    types = [storage.stat(name).content_type for name in ("a.dat", "b.png", "c")]
    assert types == ["text/x-special; charset=utf-8", "image/png", "application/octet-stream"]


def test_an_upload_that_a_browser_would_run_is_served_as_a_download(
    public_storage: MinioBackend, fetch: Fetch
) -> None:
    script = b"<script>alert(1)</script>"
    for name in ("evil.html", "evil.svg", "evil"):
        upload = SimpleUploadedFile(name, script, content_type="text/html")
        saved = public_storage.save(name, upload)
        assert fetch(public_storage.url(saved)).headers["Content-Disposition"] == "attachment"
    fake = SimpleUploadedFile("cat.png", script, content_type="text/html")
    saved = public_storage.save("cat.png", fake)
    assert fetch(public_storage.url(saved)).headers["Content-Type"] == "image/png"


def test_object_headers_have_the_last_word(buckets: Buckets) -> None:
    storage = MinioBackend(
        metadata={"owner": "someone", "Cache-Control": "max-age=1"},
        MINIO_OBJECT_HEADERS=lambda name: {
            "cache-control": f"max-age=2, x={name}",
            "Content-disposition": "inline",
        },
    )
    storage.save("a.html", ContentFile(b"x"))
    headers = storage.stat("a.html").metadata
    assert headers["Cache-Control"] == "max-age=2, x=a.html"
    assert headers["Content-Disposition"] == "inline"
    assert headers["x-amz-meta-owner"] == "someone"


def test_sse_and_tags_reach_the_object(buckets: Buckets) -> None:
    tags = Tags.new_object_tags()
    tags["a b"] = "c+d"
    storage = MinioBackend(sse=SseS3(), tags=tags)
    storage.save("a.txt", ContentFile(b"x"))
    assert storage.stat("a.txt").metadata["X-Amz-Server-Side-Encryption"] == "AES256"
    found = storage.client.get_object_tags(bucket_name=storage.bucket, object_name="a.txt")
    assert dict(found or {}) == {"a b": "c+d"}


def test_retention_and_legal_hold_reach_the_object(buckets: Buckets) -> None:
    locked = MinioBackend("locked-" + buckets.private)
    if not locked.s3.bucket.exists():
        locked.client.make_bucket(bucket_name=locked.bucket, object_lock=True)
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=1)
    storage = MinioBackend(
        locked.bucket,
        retention=Retention(GOVERNANCE, until),
        legal_hold=True,
        replace_existing=True,
    )
    large = 11 * 2**20
    for size in (1, large):
        storage.save("a.bin", ContentFile(b"x" * size))
        headers = storage.stat("a.bin").metadata
        assert headers["x-amz-object-lock-mode"] == "GOVERNANCE"
        assert headers["x-amz-object-lock-legal-hold"] == "ON"


def test_progress_hears_of_every_byte(buckets: Buckets) -> None:
    class Progress:
        told: list[object] = []

        def set_meta(self, object_name: str, total_length: int) -> None:
            self.told.append((object_name, total_length))

        def update(self, length: int) -> None:
            self.told.append(length)

    MinioBackend(progress=Progress()).save("a.txt", ContentFile(b"12345"))
    assert Progress.told == [("a.txt", 5), 5]


def test_a_full_server_says_so_and_keeps_the_old_object(settings: Any, buckets: Buckets) -> None:
    with hostile(s3_error(507, "XMinioStorageFull")) as server:
        storage = MinioBackend(
            storage_name="default",
            MINIO_ENDPOINT=server.endpoint,
            replace_existing=True,
            MINIO_RETRIES=0,
        )
        with pytest.raises(StorageFull, match=r"no room.*object 'a\.txt'"):
            storage.save("a.txt", ContentFile(b"x"))
        assert server.requests == [f"PUT /{storage.bucket}/a.txt"]


def test_files_work_as_field_files_do(storage: MinioBackend) -> None:
    storage.save("a.txt", ContentFile(b"one\ntwo\n"))
    file = storage.open("a.txt")
    assert (file.name, file.size, len(file)) == ("a.txt", 8, 8)
    assert list(file) == [b"one\n", b"two\n"]
    file.close()
    assert file.open().read() == b"one\ntwo\n"
    assert file.open("r").read() == "one\ntwo\n"
    file.close()
    with storage.open("a.txt") as again:
        assert list(again.chunks(5)) == [b"one\nt", b"wo\n"]


def test_a_mode_that_objects_do_not_have_is_refused(storage: MinioBackend) -> None:
    with pytest.raises(ValueError, match="cannot be opened with mode 'ab'"):
        storage.open("a.txt", "ab")


def test_set_bucket_to_public_opens_reading_only(storage: MinioBackend, fetch: Fetch) -> None:
    storage.save("a.txt", ContentFile(b"x"))
    address = f"{storage.options.endpoint.url}/{storage.bucket}"
    assert fetch(f"{address}/a.txt").status == 403
    storage.set_bucket_to_public()
    assert fetch(f"{address}/a.txt").status == 200
    assert fetch(address).status == 403
    assert fetch(f"{address}/b.txt", "PUT", body=b"x").status == 403
    assert fetch(f"{address}/a.txt", "DELETE").status == 403


def test_a_policy_can_be_set_by_hand(storage: MinioBackend, buckets: Buckets) -> None:
    storage.set_bucket_policy(buckets.public, {"Version": "2012-10-17", "Statement": []})
    assert MinioBackend(buckets.public).s3.bucket.read_policy() in (
        None,
        {"Version": "2012-10-17", "Statement": []},
    )


def test_bucket_check_on_save_creates_the_bucket_once(buckets: Buckets, recorder: Recorder) -> None:
    missing = buckets.private + "-missing"
    storage = MinioBackend(missing, MINIO_BUCKET_CHECK_ON_SAVE=True, http_client=recorder)
    if storage.s3.bucket.exists():
        for name in storage.listdir("")[1]:
            storage.delete(name)
        storage.client.remove_bucket(bucket_name=missing)
    storage.save("a.txt", ContentFile(b"x"))
    recorder.requests.clear()
    storage.save("b.txt", ContentFile(b"x"))
    assert recorder.methods == ["PUT"]


def test_names_follow_djangos_rules(storage: MinioBackend) -> None:
    assert storage.get_valid_name("a b/c.txt") == "a_bc.txt"
    assert storage.generate_filename("x/./a b.txt") == "x/a_b.txt"
    assert storage.generate_filename(models.iso_date_prefix(None, "a.txt")).endswith("/a.txt")
    with pytest.raises(SuspiciousFileOperation):
        storage.generate_filename("../a.txt")
