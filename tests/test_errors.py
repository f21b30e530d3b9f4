"""Each way a server can fail is told from the others, and none is taken for an absent file."""

from __future__ import annotations

import datetime
import pickle
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from minio.credentials import StaticProvider
from urllib3.exceptions import MaxRetryError

from django_minio_backend import MinioBackend, errors, transport
from django_minio_backend.errors import S3Failure, StorageError
from tests.conftest import Buckets, Recorder
from tests.hostile import Answer, closed_port, hostile, s3_error, storage_at
from tools.minio_server import Server

Call = Callable[[MinioBackend], object]
CALLS: dict[str, Call] = {
    "open": lambda s: s.open("a.txt"),
    "save": lambda s: s.save("a.txt", ContentFile(b"x")),
    "exists": lambda s: s.exists("a.txt"),
    "size": lambda s: s.size("a.txt"),
    "modified": lambda s: s.get_modified_time("a.txt"),
    "listdir": lambda s: s.listdir(""),
    "delete": lambda s: s.delete("a.txt"),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


def raised(call: Call, storage: MinioBackend, kind: type[StorageError]) -> StorageError:
    with pytest.raises(StorageError) as caught:
        call(storage)
    assert type(caught.value) is kind
    assert f"bucket '{storage.bucket}'" in str(caught.value)
    assert "storage 'default'" in str(caught.value)
    assert kind.advice in str(caught.value)
    assert caught.value.__cause__ is not None
    assert storage.options.secret_key not in repr(caught.value.__cause__) + str(caught.value)
    return caught.value


@every_call
def test_an_outage_is_unreachable(call: Call) -> None:
    with closed_port() as endpoint:
        error = raised(call, storage_at(endpoint), errors.ServerUnreachable)
    assert isinstance(error, ConnectionError)
    assert isinstance(error.__cause__, MaxRetryError)
    assert "refused" in str(error)


@every_call
def test_a_server_that_never_answers_is_unreachable_in_time(call: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"127.0.0.1:{silent.getsockname()[1]}"
        error = raised(
            call, storage_at(endpoint, MINIO_READ_TIMEOUT=0.05), errors.ServerUnreachable
        )
    assert "timed out" in str(error)


@every_call
def test_a_wrong_secret_key_is_invalid_credentials(buckets: Buckets, call: Call) -> None:
    storage = MinioBackend(MINIO_SECRET_KEY="not-the-secret")
    error = raised(call, storage, errors.InvalidCredentials)
    assert error.code == "SignatureDoesNotMatch"
    assert isinstance(error, PermissionError)


@every_call
def test_a_wrong_access_key_is_invalid_credentials(buckets: Buckets, call: Call) -> None:
    error = raised(call, MinioBackend(MINIO_ACCESS_KEY="nobody"), errors.InvalidCredentials)
    assert (error.code, error.status) == ("InvalidAccessKeyId", 403)


@every_call
def test_a_wrong_region_is_told(buckets: Buckets, call: Call) -> None:
    raised(call, MinioBackend(MINIO_REGION="eu-north-1"), errors.WrongRegion)


@every_call
def test_a_wrong_clock_is_told(
    buckets: Buckets, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    monkeypatch.setattr(transport, "utc_now", lambda: ahead)
    raised(call, MinioBackend(), errors.ClockSkew)


@every_call
def test_a_missing_bucket_is_not_a_missing_file(buckets: Buckets, call: Call) -> None:
    error = raised(call, MinioBackend("no-such-bucket-here"), errors.BucketNotFound)
    assert not isinstance(error, FileNotFoundError)
    assert "initialize_buckets" in str(error)


@every_call
def test_denied_access_is_told(
    buckets: Buckets, restricted: Callable[..., dict[str, str]], call: Call
) -> None:
    elsewhere = {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::elsewhere/*"}
    error = raised(call, MinioBackend(**restricted([elsewhere])), errors.AccessDenied)
    assert isinstance(error, PermissionError)


@every_call
def test_throttling_is_told_after_the_retries(call: Call) -> None:
    # A HEAD answer has no document: there the header says it, as MinIO's does.
    busy = s3_error(503, "SlowDown")
    busy.headers["x-minio-error-code"] = "SlowDown"
    with hostile(busy) as server:
        raised(call, storage_at(server.endpoint, MINIO_RETRIES=2), errors.Throttled)
        assert len(server.requests) == 3


@every_call
def test_a_broken_server_is_told(call: Call) -> None:
    with hostile(Answer(500, "<html>oops</html>")) as server:
        raised(call, storage_at(server.endpoint), errors.ServerFault)


def test_a_passing_fault_is_retried(recorder: Recorder) -> None:
    found = Answer(200, headers={"Last-Modified": "Sat, 21 Nov 2026 11:50:09 GMT", "ETag": '"e"'})
    with hostile(Answer(503), Answer(500), found) as server:
        assert storage_at(server.endpoint, MINIO_RETRIES=2).exists("a.txt")
        assert len(server.requests) == 3


def test_what_is_not_safe_to_repeat_is_not_repeated() -> None:
    with hostile(Answer(500)) as server:
        storage = storage_at(server.endpoint, MINIO_RETRIES=3)
        with pytest.raises(errors.ServerFault):
            storage.s3.start_parts("a.txt", {})
        assert len(server.requests) == 1


def test_a_listing_that_does_not_say_where_it_goes_on_is_not_the_end() -> None:
    def page(token: str) -> Answer:
        return Answer(
            200,
            f"<ListBucketResult><IsTruncated>true</IsTruncated>{token}"
            "<Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>",
        )

    without = page("")
    again = page("<NextContinuationToken>t</NextContinuationToken>")
    for answers in ([without], [again, again]):
        with (
            hostile(*answers) as server,
            pytest.raises(errors.UnexpectedAnswer, match="but not where"),
        ):
            storage_at(server.endpoint).listdir("")


@pytest.mark.parametrize("body", ["", "no xml", "<ListBucketResult>"])
def test_a_listing_that_is_none_is_not_an_empty_one(body: str) -> None:
    with (
        hostile(Answer(200, body)) as server,
        pytest.raises(errors.UnexpectedAnswer, match="no XML"),
    ):
        storage_at(server.endpoint).listdir("")


def test_another_kind_of_document_is_not_an_empty_listing() -> None:
    with (
        hostile(Answer(200, "<html><body>welcome</body></html>")) as server,
        pytest.raises(errors.UnexpectedAnswer, match="html"),
    ):
        storage_at(server.endpoint).listdir("")


def test_tls_to_a_plain_server_is_unreachable(server: Server) -> None:
    with pytest.raises(errors.ServerUnreachable):
        storage_at(server.endpoint, MINIO_USE_HTTPS=True).exists("a.txt")


def test_errors_survive_a_pickle_as_task_queues_need() -> None:
    where = errors.Where("default", "bucket", "a.txt")
    error = errors.build(errors.AccessDenied, where, code="AccessDenied", status=403)
    back = pickle.loads(pickle.dumps(error))
    assert (str(back), back.where, back.code, back.status) == (str(error), where, error.code, 403)


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


def test_credentials_from_a_provider_reach_the_server(buckets: Buckets, server: Server) -> None:
    provider = StaticProvider(server.access_key, server.secret_key)
    storage = MinioBackend(MINIO_CREDENTIALS=provider, MINIO_SECRET_KEY="ignored")
    storage.save("a.txt", ContentFile(b"x"))
    assert storage.client.bucket_exists(bucket_name=storage.bucket)


def test_a_failure_keeps_what_the_server_said() -> None:
    with hostile(s3_error(400, "OddCode", "odd words")) as server:
        with pytest.raises(StorageError) as caught:
            storage_at(server.endpoint).listdir("")
    assert isinstance(caught.value.__cause__, S3Failure)
    assert "HTTP 400 OddCode: odd words" in str(caught.value)


def test_a_certificate_that_nobody_vouches_for_names_the_option(tls: tuple[str, Path]) -> None:
    with pytest.raises(errors.ServerUnreachable, match="set MINIO_CA_CERTS"):
        storage_at(tls[0], MINIO_USE_HTTPS=True).exists("a.txt")


def test_a_private_authority_is_accepted_when_it_is_named(
    buckets: Buckets, tls: tuple[str, Path]
) -> None:
    endpoint, ca_file = tls
    own = {"MINIO_ENDPOINT": f"https://{endpoint}", "MINIO_USE_HTTPS": True}
    storage = MinioBackend(**{**buckets.options, **own}, MINIO_CA_CERTS=ca_file)
    storage.save("a.txt", ContentFile(b"x" * 2**20))
    assert storage.size("a.txt") == 2**20
    assert storage.url("a.txt").startswith(f"https://{endpoint}/")
