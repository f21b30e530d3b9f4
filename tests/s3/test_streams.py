from __future__ import annotations

import pytest

from django_minio_backend import errors
from tests.conftest import Buckets, Recorder
from tests.hostile import Answer, hostile, s3_error, storage_at


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
        hostile(Answer(206, "0123", {"Content-Range": given, "ETag": '"e"'})) as server,
        pytest.raises(errors.UnexpectedAnswer, match="not the range"),
    ):
        storage_at(server.endpoint).s3.stream("a.bin", 0, 4)


def test_a_range_beyond_the_end_is_an_error(buckets: Buckets, recorder: Recorder) -> None:
    with hostile(s3_error(416, "InvalidRange")) as server:
        with pytest.raises(errors.StorageError):
            storage_at(server.endpoint).s3.stream("a.bin", 5, 9)
        assert storage_at(server.endpoint).open("a.bin").read() == b""


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


def test_a_broken_off_reply_is_resumed_where_it_broke() -> None:
    ranged = {"Content-Range": "bytes 0-9/10", "ETag": '"e"'}
    rest = {"Content-Range": "bytes 4-9/10", "ETag": '"e"'}
    with hostile(Answer(206, "0123456789", ranged, cut=4), Answer(206, "456789", rest)) as server:
        file = storage_at(server.endpoint, MINIO_RETRIES=1).open("a.txt")
        assert file.read() == b"0123456789"
    again = Answer(206, "456789", rest, cut=0)
    with hostile(Answer(206, "0123456789", ranged, cut=4), again) as server:
        with pytest.raises(errors.ServerUnreachable):
            storage_at(server.endpoint, MINIO_RETRIES=1).open("a.txt").read()
        assert len(server.requests) == 2
