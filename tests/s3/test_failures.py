from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest
import urllib3
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend, errors
from django_minio_backend.errors import S3Failure, StorageError
from django_minio_backend.s3 import failures, transport
from tests.calls import Call, every_call, raised
from tests.conftest import Buckets
from tests.hostile import Answer, hostile, s3_error, storage_at
from tools.minio_server import Server


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


@every_call
def test_a_wrong_region_is_told(buckets: Buckets, call: Call) -> None:
    raised(call, MinioBackend(MINIO_REGION="eu-north-1"), errors.WrongRegion)


@every_call
def test_a_wrong_clock_is_told(
    buckets: Buckets, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    for module in (failures, transport):
        monkeypatch.setattr(module, "utc_now", lambda: ahead)
    raised(call, MinioBackend(), errors.ClockSkew)


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


def test_another_kind_of_document_is_not_an_empty_listing() -> None:
    with (
        hostile(Answer(200, "<html><body>welcome</body></html>")) as server,
        pytest.raises(errors.UnexpectedAnswer, match="html"),
    ):
        storage_at(server.endpoint).listdir("")


def test_tls_to_a_plain_server_is_unreachable(server: Server) -> None:
    with pytest.raises(errors.ServerUnreachable):
        storage_at(server.endpoint, MINIO_USE_HTTPS=True).exists("a.txt")


def test_a_failure_keeps_what_the_server_said() -> None:
    with hostile(s3_error(400, "OddCode", "odd words")) as server:
        with pytest.raises(StorageError) as caught:
            storage_at(server.endpoint).listdir("")
    assert isinstance(caught.value.__cause__, S3Failure)
    assert "HTTP 400 OddCode: odd words" in str(caught.value)


def test_a_certificate_that_nobody_vouches_for_names_the_option(tls: tuple[str, Path]) -> None:
    with pytest.raises(errors.ServerUnreachable, match="set MINIO_CA_CERTS"):
        storage_at(tls[0], MINIO_USE_HTTPS=True).exists("a.txt")


def test_https_to_a_plain_server_and_the_other_way_round_are_told(
    server: Server, tls: tuple[str, Path]
) -> None:
    with pytest.raises(errors.ServerUnreachable, match="set MINIO_USE_HTTPS to False") as error:
        storage_at(server.endpoint, MINIO_USE_HTTPS=True).exists("a.txt")
    assert "MINIO_CA_CERTS" not in str(error.value)
    said = "Client sent an HTTP request to an HTTPS server."
    with (
        hostile(Answer(400, said)) as plain,
        pytest.raises(errors.StorageError, match="set MINIO_USE_HTTPS to True"),
    ):
        storage_at(plain.endpoint).listdir("")


def test_the_consoles_port_is_told() -> None:
    with hostile(Answer(200, "<html>MinIO Console</html>")) as console:
        with pytest.raises(errors.UnexpectedAnswer, match="console of MinIO has a port of its own"):
            storage_at(console.endpoint).exists("a.txt")


def test_encryption_without_a_key_on_the_server_is_told() -> None:
    said = s3_error(501, "NotImplemented", "encryption specified but KMS is not configured")
    with hostile(said) as server, pytest.raises(errors.NotSupported, match="MINIO_KMS_SECRET_KEY"):
        storage_at(server.endpoint, replace_existing=True).save("a.txt", ContentFile(b"x"))
