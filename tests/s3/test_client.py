"""Answers that no well-behaved server gives: none of them may pass for a good one."""

from __future__ import annotations

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend, errors
from tests.conftest import Buckets
from tests.hostile import Answer, hostile, listing, s3_error, storage_at
from tests.proxy import Fault, faulty_line
from tests.s3.conftest import MODIFIED
from tools.minio_server import Server


def test_a_delete_that_finds_nothing_is_silent_when_the_server_says_so() -> None:
    with hostile(s3_error(404, "NoSuchKey"), Answer(404)) as server:
        storage = storage_at(server.endpoint)
        storage.delete("a.txt")
        with pytest.raises(errors.UnexpectedAnswer):
            storage.delete("a.txt")


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_bare_refusal_of_a_head_is_asked_for_its_reason(status: int) -> None:
    for code, kind in {
        "NoSuchBucket": errors.BucketNotFound,
        "XAdminUserNotFound": errors.InvalidCredentials,
        "AuthorizationHeaderMalformed": errors.WrongRegion,
    }.items():
        with hostile(Answer(status), s3_error(404, code)) as server:
            with pytest.raises(errors.StorageError) as caught:
                storage_at(server.endpoint).exists("a.txt")
            assert type(caught.value) is kind
            methods = [request.split()[0] for request in server.requests]
            assert methods == ["HEAD", "GET"]
    with hostile(Answer(404), s3_error(404, "NoSuchKey")) as server:
        assert not storage_at(server.endpoint).exists("a.txt")
    with hostile(Answer(404)) as server, pytest.raises(errors.UnexpectedAnswer):
        storage_at(server.endpoint).exists("a.txt")


STRAY = "<Contents><Key>elsewhere/a</Key><Size>1</Size></Contents>"


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        (listing(prefix="docs/", bucket="another"), "a listing of 'another/docs/'"),
        (listing(), "instead of 'docs/'"),
        (listing(STRAY, prefix="docs/"), "a listing of 'docs/' holds 'elsewhere/a'"),
        (
            listing("<CommonPrefixes><Prefix>elsewhere/</Prefix></CommonPrefixes>", prefix="docs/"),
            "holds 'elsewhere/'",
        ),
        (
            Answer(
                200,
                "<ListBucketResult><Name>some-bucket</Name><Prefix>docs/</Prefix>"
                "</ListBucketResult>",
            ),
            "does not say whether it goes on",
        ),
    ],
)
def test_a_listing_of_something_else_is_refused(page: Answer, fault: str) -> None:
    with hostile(page) as server, pytest.raises(errors.UnexpectedAnswer) as error:
        storage_at(server.endpoint).listdir("docs")
    assert fault in str(error.value)


def test_keys_that_xml_changes_or_cannot_carry_are_deleted_as_they_are(
    storage: MinioBackend,
) -> None:
    keys = ["a\rb", "a\nb", "a\tb", "a\x01b", "a&b<c>", "a\x7fb"]
    for key in [*keys, "a\r\nb"]:
        storage.s3.put(key, b"x", {})
    assert storage.delete_keys(["a\rb", "a\x01b"]) == {}
    left = {entry.key for page in storage.s3.list_pages("") for entry in page.entries}
    assert left == {*keys, "a\r\nb"} - {"a\rb", "a\x01b"}
    assert storage.delete_keys([*left, "folder/"]) == {}
    assert not any(page.entries for page in storage.s3.list_pages(""))


def test_a_key_that_minio_folds_is_never_deleted_by(storage: MinioBackend) -> None:
    storage.s3.put("docs/", b"", {})
    assert "MinIO takes this name" in storage.delete_keys(["docs__XLDIR__"])["docs__XLDIR__"]
    for use in (
        storage.delete,
        lambda name: storage.save(name, ContentFile(b"x")),
        lambda name: storage.open(name, "wb"),
    ):
        with pytest.raises(SuspiciousFileOperation, match="MinIO keeps for folders"):
            use("docs__XLDIR__")
    assert storage.s3.stat("docs/").size == 0


def test_a_listing_that_goes_in_circles_is_refused() -> None:
    def page(token: str) -> Answer:
        return listing(more=f"<NextContinuationToken>{token}</NextContinuationToken>")

    with hostile(*[page("a"), page("b")] * 9) as server:
        with pytest.raises(errors.UnexpectedAnswer, match="but not where"):
            storage_at(server.endpoint).listdir("")
        assert len(server.requests) == 3


FOUND = {**MODIFIED, "ETag": '"e"', "Content-Range": "bytes 0-0/7"}


@pytest.mark.parametrize("status", [404, 403, 400])
def test_a_bare_refusal_of_a_head_is_decided_by_a_get(
    storage: MinioBackend, server: Server, buckets: Buckets, status: int
) -> None:
    storage.save("a.txt", ContentFile(b"content"))
    storage.save("empty.txt", ContentFile(b""))
    with hostile(Answer(status), Answer(206, "c", FOUND)) as bare:
        assert storage_at(bare.endpoint).size("a.txt") == 7
    for name, size in (("a.txt", 7), ("empty.txt", 0)):
        with faulty_line(server.endpoint, Fault("HEAD", status)) as (endpoint, requests):
            shaky = MinioBackend(**{**buckets.options, "MINIO_ENDPOINT": endpoint})
            assert shaky.size(name) == size
            assert [line.split()[0] for line in requests][:2] == ["HEAD", "GET"]


def test_a_bare_404_is_an_absence_if_the_get_says_so_too() -> None:
    with hostile(Answer(404), s3_error(404, "NoSuchKey")) as server:
        assert not storage_at(server.endpoint).exists("a.txt")


def test_a_head_without_a_length_is_asked_again() -> None:
    without = Answer(200, headers={**MODIFIED, "ETag": '"e"', "Content-Length": ""})
    with hostile(without, Answer(206, "c", FOUND)) as server:
        assert storage_at(server.endpoint).size("a.txt") == 7
        assert [line.split()[0] for line in server.requests] == ["HEAD", "GET"]
