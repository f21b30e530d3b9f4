"""Answers that no well-behaved server gives: none of them may pass for a good one."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

import pytest
import urllib3
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend, errors
from django_minio_backend.transport import Transport
from tests.conftest import Buckets, Recorder
from tests.hostile import Answer, hostile, s3_error, storage_at

STARTED = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
MODIFIED = {"Last-Modified": "Sat, 21 Nov 2026 11:50:09 GMT"}
PART = 5 * 2**20


def test_a_completion_that_fails_after_its_200_is_a_failure() -> None:
    part = Answer(200, headers={"ETag": '"1"'})
    late = Answer(200, "<Error><Code>InternalError</Code></Error>")
    with hostile(Answer(200, STARTED), part, part, late, Answer(204)) as server:
        storage = storage_at(server.endpoint, replace_existing=True, MINIO_MULTIPART_PART_SIZE=PART)
        with pytest.raises(errors.ServerFault, match="InternalError"):
            storage.save("a.bin", iter([b"x" * PART, b"y"]))
        assert server.requests[-1] == "DELETE /some-bucket/a.bin?uploadId=u"


def test_an_upload_without_an_id_is_not_begun() -> None:
    without = "<InitiateMultipartUploadResult></InitiateMultipartUploadResult>"
    with (
        hostile(Answer(200, without)) as server,
        pytest.raises(errors.UnexpectedAnswer, match=r"no id.*|object 'a\.bin'"),
    ):
        storage_at(server.endpoint).s3.start_parts("a.bin", {})


def test_a_server_that_ignores_ranges_costs_no_more_than_the_range() -> None:
    whole = Answer(200, "0123456789", {"ETag": '"e"'})
    with hostile(whole) as server:
        client = storage_at(server.endpoint).s3
        for _ in range(2):
            # Nothing of the first answer may be left over for the second request.
            stream = client.stream("a.bin", 0, 4)
            assert (stream.read(9), stream.read(9), stream.total) == (b"0123", b"", 10)
        with pytest.raises(errors.UnexpectedAnswer, match="not the range"):
            storage_at(server.endpoint).s3.stream("a.bin", 4, 8)


@pytest.mark.parametrize("given", ["bytes 3-6/10", "bytes 0-3/*", "nonsense"])
def test_another_range_than_the_one_asked_for_is_refused(given: str) -> None:
    with (
        hostile(Answer(206, "0123", {"Content-Range": given})) as server,
        pytest.raises(errors.UnexpectedAnswer, match="not the range"),
    ):
        storage_at(server.endpoint).s3.stream("a.bin", 0, 4)


def test_a_range_beyond_the_end_is_an_error(buckets: Buckets, recorder: Recorder) -> None:
    with hostile(s3_error(416, "InvalidRange")) as server:
        with pytest.raises(errors.StorageError):
            storage_at(server.endpoint).s3.stream("a.bin", 5, 9)
        assert storage_at(server.endpoint).open("a.bin").read() == b""


@pytest.mark.parametrize(
    "headers", [{}, {"Last-Modified": "some day"}, {**MODIFIED, "Content-Length": "many"}]
)
def test_headers_of_no_object_are_no_object(headers: dict[str, str]) -> None:
    with (
        hostile(Answer(200, headers=headers)) as server,
        pytest.raises(errors.StorageError, match=r"object 'a\.txt'"),
    ):
        storage_at(server.endpoint).size("a.txt")


@pytest.mark.parametrize("entry", ["", "<Key>a</Key>", "<Key>a</Key><Size>big</Size>"])
def test_a_listing_with_half_an_entry_is_refused(entry: str) -> None:
    page = f"<ListBucketResult><Contents>{entry}</Contents></ListBucketResult>"
    with (
        hostile(Answer(200, page)) as server,
        pytest.raises(errors.UnexpectedAnswer, match="entries"),
    ):
        storage_at(server.endpoint).listdir("")


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


def test_a_bare_404_for_the_bucket_is_asked_for_its_reason() -> None:
    with hostile(Answer(404), s3_error(404, "XAdminUserNotFound")) as server:
        with pytest.raises(errors.InvalidCredentials):
            storage_at(server.endpoint).s3.bucket_exists()
    with hostile(Answer(404), s3_error(404, "NoSuchBucket")) as server:
        assert not storage_at(server.endpoint).s3.bucket_exists()


def test_an_object_without_an_etag_was_not_stored() -> None:
    with hostile(Answer(200)) as server:
        storage = storage_at(server.endpoint, replace_existing=True)
        with pytest.raises(errors.UnexpectedAnswer, match="without an ETag"):
            storage.save("a.txt", ContentFile(b"x"))


def test_a_repeated_put_that_finds_its_own_object_has_succeeded() -> None:
    absent = Answer(404, headers={"x-minio-error-code": "NoSuchKey"})
    etag = f'"{hashlib.md5(b"x").hexdigest()}"'
    mine, other = ({**MODIFIED, "ETag": given} for given in (etag, '"another"'))
    taken = s3_error(412, "PreconditionFailed")
    with hostile(absent, Answer(500), taken, Answer(200, headers=mine), Answer(200)) as server:
        storage = storage_at(server.endpoint, MINIO_RETRIES=1)
        assert storage.save("a.txt", ContentFile(b"x")) == "a.txt"
    with hostile(Answer(500), taken, Answer(200, headers=other)) as server:
        with pytest.raises(errors.ObjectExists):
            storage_at(server.endpoint, MINIO_RETRIES=1).s3.put("a.txt", b"x", {}, only_new=True)


@pytest.mark.parametrize(
    ("server_name", "asked"),
    [("MinIO/RELEASE.2019", ["HEAD", "PUT", "PUT"]), ("Garage", ["HEAD", "PUT"])],
)
def test_a_server_that_ignores_conditions_goes_on_being_asked(
    server_name: str, asked: list[str]
) -> None:
    absent = Answer(404, headers={"x-minio-error-code": "NoSuchKey"})
    stored = Answer(200, headers={"ETag": '"e"'})
    ignored = s3_error(400, "XAmzContentSHA256Mismatch")
    answers = [absent, stored, *([ignored] if len(asked) == 3 else []), absent, stored]
    with hostile(*answers) as server:
        server.calls_itself = server_name
        storage = storage_at(server.endpoint)
        for name in ("a.txt", "b.txt"):
            storage.save(name, ContentFile(b"x"))
        methods = [request.split()[0] for request in server.requests]
        assert methods == [*asked, "HEAD", "PUT"]


def test_a_server_that_fails_to_show_it_is_asked_again() -> None:
    with hostile(Answer(500)) as server:
        client = storage_at(server.endpoint).s3
        with pytest.raises(errors.ServerFault):
            client.delete("a.txt")  # it has a name from now on
        client.learn("a.txt")
        assert client.refuses_taken_names is None


def test_learning_about_a_server_stores_nothing(storage: MinioBackend) -> None:
    storage.save("a.txt", ContentFile(b"precious"))
    storage.s3.learn("a.txt")
    assert storage.s3.refuses_taken_names
    storage.s3.learn("b.txt")
    assert not storage.s3.refuses_taken_names
    assert storage.listdir("") == ([], ["a.txt"])
    assert storage.open("a.txt").read() == b"precious"
    storage.s3.learn("a.txt")


def test_an_ignored_if_match_does_not_splice_two_versions() -> None:
    half = "x" * 4
    first = Answer(206, half, {"Content-Range": "bytes 0-3/8", "ETag": '"one"'})
    second = Answer(206, half, {"Content-Range": "bytes 4-7/8", "ETag": '"two"'})
    with hostile(first, second) as server:
        client = storage_at(server.endpoint).s3
        earlier = client.stream("a.bin", 0, 4)
        with pytest.raises(errors.ObjectChanged):
            client.stream("a.bin", 4, 8, like=earlier)


def test_a_weakened_etag_is_pinned_as_the_strong_one() -> None:
    answer = Answer(206, "x", {"Content-Range": "bytes 0-0/1", "ETag": 'W/"one"'})
    with hostile(answer) as server:
        assert storage_at(server.endpoint).s3.stream("a.bin", 0, 1).etag == "one"


def test_a_listing_that_is_not_encoded_is_not_decoded() -> None:
    page = (
        "<ListBucketResult><Contents><Key>a+b%20c</Key><Size>1</Size></Contents></ListBucketResult>"
    )
    with hostile(Answer(200, page)) as server:
        assert storage_at(server.endpoint).listdir("") == ([], ["a+b%20c"])


def test_a_listing_that_goes_in_circles_is_refused() -> None:
    def page(token: str) -> Answer:
        return Answer(
            200,
            "<ListBucketResult><IsTruncated>true</IsTruncated>"
            f"<NextContinuationToken>{token}</NextContinuationToken></ListBucketResult>",
        )

    with hostile(*[page("a"), page("b")] * 9) as server:
        with pytest.raises(errors.UnexpectedAnswer, match="but not where"):
            storage_at(server.endpoint).listdir("")
        assert len(server.requests) == 3


def test_a_redirect_is_not_followed_and_says_where_to() -> None:
    moved = Answer(301, headers={"Location": "https://secure.example.com/x?token=secret"})
    with (
        hostile(moved) as server,
        pytest.raises(
            errors.UnexpectedAnswer, match=r"redirects to https://secure\.example\.com"
        ) as e,
    ):
        storage_at(server.endpoint).listdir("")
    assert "token" not in str(e.value)


def test_a_projects_own_client_does_not_follow_redirects_either() -> None:
    moved = Answer(307, headers={"Location": "/elsewhere"})
    with hostile(moved) as server, urllib3.PoolManager() as own:
        with pytest.raises(errors.UnexpectedAnswer):
            storage_at(server.endpoint, http_client=own).listdir("")
        assert len(server.requests) == 1


def test_an_empty_successor_is_another_object() -> None:
    first = Answer(206, "xxxx", {"Content-Range": "bytes 0-3/8", "ETag": '"one"'})
    with hostile(first, s3_error(416, "InvalidRange")) as server:
        client = storage_at(server.endpoint).s3
        earlier = client.stream("a.bin", 0, 4)
        with pytest.raises(errors.ObjectChanged):
            client.stream("a.bin", 0, 4, like=earlier)


def test_an_answer_that_always_breaks_is_given_up() -> None:
    cut = Answer(206, "0123", {"Content-Range": "bytes 0-3/4", "ETag": '"e"'}, cut=0)
    with hostile(cut) as server:
        with pytest.raises(errors.ServerUnreachable):
            storage_at(server.endpoint, MINIO_RETRIES=2).s3.stream("a.bin", 0, 4).read(4)
        assert len(server.requests) == 3


def test_plain_text_from_a_server_that_wants_tls_is_quoted() -> None:
    said = "Client sent an HTTP request to an HTTPS server."
    with (
        hostile(Answer(400, said)) as server,
        pytest.raises(errors.UnexpectedAnswer, match=r"MINIO_USE_HTTPS.*HTTPS server"),
    ):
        storage_at(server.endpoint).listdir("")


def test_a_clients_own_verdict_on_a_status_is_understood() -> None:
    retries = urllib3.Retry(total=1, status_forcelist=[503], backoff_factor=0)
    with hostile(s3_error(503, "SlowDown")) as server, urllib3.PoolManager(retries=retries) as own:
        with pytest.raises(errors.Throttled):
            storage_at(server.endpoint, http_client=own).listdir("")


def test_a_bucket_of_somebody_elses_is_not_taken_for_ours() -> None:
    with hostile(s3_error(409, "BucketAlreadyOwnedByYou")) as server:
        storage_at(server.endpoint).s3.make_bucket()
    with (
        hostile(s3_error(409, "BucketAlreadyExists")) as server,
        pytest.raises(errors.StorageError, match="BucketAlreadyExists"),
    ):
        storage_at(server.endpoint).s3.make_bucket()


def test_a_bucket_is_made_in_the_configured_region(buckets: Buckets) -> None:
    with hostile(Answer(200)) as server:
        storage_at(server.endpoint, MINIO_REGION="eu-north-1").s3.make_bucket()
        assert server.bodies == [
            b'<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            b"<LocationConstraint>eu-north-1</LocationConstraint></CreateBucketConfiguration>"
        ]


def test_a_part_of_what_is_encrypted_is_asked_for_with_its_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from minio.sse import SseCustomerKey

    sent: list[dict[str, str]] = []

    def send(transport: Transport, *args: Any, headers: dict[str, str], **keywords: Any) -> Any:
        sent.append(headers)
        return SimpleNamespace(headers={"Content-Length": "5"})

    monkeypatch.setattr(Transport, "send", send)
    storage = storage_at("127.0.0.1:9", MINIO_USE_HTTPS=True, sse=SseCustomerKey(b"k" * 32))
    assert storage.s3.part_size("a.bin") == 5
    assert "X-Amz-Server-Side-Encryption-Customer-Key" in sent[0]
