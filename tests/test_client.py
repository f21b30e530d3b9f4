"""Answers that no well-behaved server gives: none of them may pass for a good one."""

from __future__ import annotations

import pytest

from django_minio_backend import errors
from tests.conftest import Buckets, Recorder
from tests.hostile import Answer, hostile, s3_error
from tests.test_errors import storage_at

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
        block = storage_at(server.endpoint).s3.read("a.bin", 0, 4)
        assert (block.data, block.total) == (b"0123", 10)
        with pytest.raises(errors.UnexpectedAnswer, match="not the range"):
            storage_at(server.endpoint).s3.read("a.bin", 4, 8)


@pytest.mark.parametrize("given", ["bytes 3-6/10", "bytes 0-3/*", "nonsense"])
def test_another_range_than_the_one_asked_for_is_refused(given: str) -> None:
    with (
        hostile(Answer(206, "0123", {"Content-Range": given})) as server,
        pytest.raises(errors.UnexpectedAnswer, match="not the range"),
    ):
        storage_at(server.endpoint).s3.read("a.bin", 0, 4)


def test_a_range_beyond_the_end_is_an_error(buckets: Buckets, recorder: Recorder) -> None:
    with hostile(s3_error(416, "InvalidRange")) as server:
        with pytest.raises(errors.StorageError):
            storage_at(server.endpoint).s3.read("a.bin", 5, 9)
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


def test_a_delete_that_finds_nothing_makes_sure_of_the_bucket() -> None:
    with hostile(Answer(404), Answer(200), Answer(404)) as server:
        storage = storage_at(server.endpoint)
        storage.delete("a.txt")
        storage.delete("b.txt")
        assert [request.split()[0] for request in server.requests] == ["DELETE", "HEAD", "DELETE"]
    with hostile(Answer(404)) as server, pytest.raises(errors.BucketNotFound):
        storage_at(server.endpoint).delete("a.txt")


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
