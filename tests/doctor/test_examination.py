"""The examination of real servers: it finds the truth, and leaves nothing behind."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest

from django_minio_backend import MinioBackend
from django_minio_backend.doctor.examination import examine
from django_minio_backend.doctor.findings import Verdict
from django_minio_backend.doctor.probes import PROBES, PUBLIC_PROBES
from django_minio_backend.s3.transport import Transport
from tests.conftest import Buckets
from tests.hostile import closed_port
from tools.minio_server import Server


def verdicts(storage: MinioBackend) -> dict[str, Verdict]:
    return {finding.name: finding.verdict for finding in examine(storage)}


def list_versions(storage: MinioBackend) -> str:
    return storage.s3.transport.send("GET", query=[("versions", "")]).data.decode()


def test_all_is_well_on_minio(storage: MinioBackend) -> None:
    storage.save("kept.txt", b"x")
    assert verdicts(storage) == dict.fromkeys(["server", "clock", *PROBES], Verdict.GOOD)
    assert storage.listdir("") == ([], ["kept.txt"])


@pytest.mark.parametrize("versioned", [False, True])
def test_nothing_is_left_behind_and_other_files_stay(
    storage: MinioBackend, versioned: bool
) -> None:
    if versioned:
        status = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        storage.s3.bucket.configure("versioning", status)
    storage.save("kept.txt", b"x")
    found = verdicts(storage)
    assert "traces" not in found
    assert ".doctor-" not in list_versions(storage)
    assert "kept.txt" in list_versions(storage)


def test_public_buckets_are_told_of_unsigned_parameters(public_storage: MinioBackend) -> None:
    public_storage.set_bucket_to_public()
    found = verdicts(public_storage)
    assert found["strangers"] is Verdict.GOOD
    assert found[next(iter(PUBLIC_PROBES))] is Verdict.WARNING


def test_a_bucket_that_strangers_can_or_cannot_read_against_its_declaration_is_a_failure(
    storage: MinioBackend, public_storage: MinioBackend
) -> None:
    public_storage.s3.bucket.set_policy(None)
    assert verdicts(public_storage)["strangers"] is Verdict.FAILURE
    storage.set_bucket_to_public()
    assert verdicts(storage)["strangers"] is Verdict.FAILURE


def test_another_server_is_examined_too(other_server: Server) -> None:
    storage = MinioBackend(
        "t-doctor",
        MINIO_ENDPOINT=other_server.endpoint,
        MINIO_ACCESS_KEY=other_server.access_key,
        MINIO_SECRET_KEY=other_server.secret_key,
    )
    storage.s3.bucket.create()
    found = verdicts(storage)
    assert Verdict.FAILURE not in found.values()
    assert storage.listdir("") == ([], [])


def test_the_first_failure_ends_it_if_the_rest_could_not_be_asked(buckets: Buckets) -> None:
    with closed_port() as endpoint:
        gone = MinioBackend(**{**buckets.options, "MINIO_ENDPOINT": endpoint})
        assert verdicts(gone) == {"server": Verdict.FAILURE}
    wrong = MinioBackend(MINIO_SECRET_KEY="not-the-secret")
    assert verdicts(wrong) == {"server": Verdict.FAILURE}
    missing = MinioBackend("t-nobody-made-this-one")
    assert verdicts(missing)["bucket"] is Verdict.FAILURE
    [*_, last] = examine(missing)
    assert "initialize_buckets" in last.advice


def test_a_key_that_may_only_read_is_told(
    buckets: Buckets, restricted: Callable[..., dict[str, str]]
) -> None:
    bucket = f"arn:aws:s3:::{buckets.private}"
    allowed = [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{bucket}/*"},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket},
    ]
    findings = {one.name: one for one in examine(MinioBackend(**restricted(allowed)))}
    permissions = findings["permissions"]
    assert permissions.verdict is Verdict.WARNING
    assert permissions.detail == "may not s3:PutObject, s3:DeleteObject"
    assert findings["ranges"].verdict is Verdict.UNKNOWN
    assert "AccessDenied" in findings["ranges"].detail


def test_a_proxy_that_hides_the_server_is_told(
    storage: MinioBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Transport, "server_name", property(lambda transport: "nginx"))
    findings = {one.name: one for one in examine(storage)}
    assert findings["server"].verdict is Verdict.WARNING
    assert "proxy_pass_header Server" in findings["server"].advice


def test_a_clock_that_is_wrong_is_told(
    storage: MinioBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    difference = datetime.timedelta(minutes=5)
    monkeypatch.setattr(Transport, "clock_difference", property(lambda transport: difference))
    findings = {one.name: one for one in examine(storage)}
    assert findings["clock"].verdict is Verdict.WARNING
    assert findings["clock"].detail == "300.0 s ahead of ours"
