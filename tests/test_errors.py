"""Each way a server can fail is told from the others, and none is taken for an absent file."""

from __future__ import annotations

import pickle
import socket

import pytest
from django.apps import apps

from django_minio_backend import MinioBackend, errors
from django_minio_backend.s3.http import HTTPFault
from tests.calls import Call, every_call, raised
from tests.conftest import Buckets
from tests.hostile import Answer, closed_port, hostile, listing, storage_at


@every_call
def test_an_outage_is_unreachable(call: Call) -> None:
    with closed_port() as endpoint:
        error = raised(call, storage_at(endpoint), errors.ServerUnreachable)
    assert isinstance(error, ConnectionError)
    assert isinstance(error.__cause__, HTTPFault)
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
def test_a_missing_bucket_is_not_a_missing_file(buckets: Buckets, call: Call) -> None:
    error = raised(call, MinioBackend("no-such-bucket-here"), errors.BucketNotFound)
    assert not isinstance(error, FileNotFoundError)
    assert "initialize_buckets" in str(error)


def test_a_listing_that_does_not_say_where_it_goes_on_is_not_the_end() -> None:
    def page(token: str) -> Answer:
        return listing("<Contents><Key>a</Key><Size>1</Size></Contents>", more=token)

    without = page("<!-- nowhere -->")
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


def test_errors_survive_a_pickle_as_task_queues_need() -> None:
    where = errors.Location("default", "bucket", "a.txt")
    error = errors.make_error(errors.AccessDenied, where, code="AccessDenied", status=403)
    back = pickle.loads(pickle.dumps(error))
    assert (str(back), back.where, back.code, back.status) == (str(error), where, error.code, 403)


def test_a_missing_bucket_names_the_app_if_it_is_forgotten(
    storage: MinioBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = MinioBackend("t-nobody-made-this-one")
    with pytest.raises(errors.BucketNotFound, match="initialize_buckets") as error:
        lost.listdir("")
    assert "INSTALLED_APPS" not in str(error.value)
    monkeypatch.setattr(apps, "is_installed", lambda name: False)
    with pytest.raises(errors.BucketNotFound, match="'django_minio_backend' in INSTALLED_APPS"):
        lost.listdir("")
