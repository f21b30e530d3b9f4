from __future__ import annotations

from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from django_minio_backend import MinioBackend
from tests.buckets.conftest import initialize, rows
from tests.conftest import Buckets
from tests.hostile import closed_port


def test_silence_prints_nothing(buckets: Buckets) -> None:
    assert initialize(silenced=True) == ""
    assert initialize(verbosity=0) == ""


def test_a_failure_is_reported_bucket_by_bucket(buckets: Buckets) -> None:
    buckets.change(MINIO_SECRET_KEY="not-the-secret")
    err = StringIO()
    with pytest.raises(CommandError, match=r"2 bucket\(s\) could not be initialised"):
        initialize(stderr=err)
    assert err.getvalue().count("does not accept the credentials") == 2


def test_a_settings_mistake_is_one_line(buckets: Buckets) -> None:
    buckets.change(MINIO_ENPOINT="x")
    for command in ("initialize_buckets", "is_minio_available"):
        with pytest.raises(CommandError, match="did you mean MINIO_ENDPOINT"):
            call_command(command)


def test_a_dry_run_prints_the_difference_and_changes_nothing(drifted: Buckets) -> None:
    for _ in range(2):
        printed = initialize(dry_run=True)
        assert rows(printed)[drifted.public] == ["public", "other policy"]
        assert rows(printed)[drifted.private] == ["private", "missing"]
        assert f"--- {drifted.public} on the server" in printed
        assert f"+++ {drifted.public} as 'default' declares it" in printed
        assert '-  "policy": null' in printed
        assert '+          "s3:GetObject"' in printed
        assert '-  "bucket": "missing"\n+  "bucket": "present"' in printed
    assert not MinioBackend(drifted.private).s3.bucket.exists()


def test_a_check_fails_when_something_differs(drifted: Buckets) -> None:
    with pytest.raises(CommandError, match=r"2 bucket\(s\) differ from what is declared"):
        initialize(check=True)
    initialize()
    assert "unchanged" not in initialize(check=True)


def test_one_bucket_or_one_storage_can_be_chosen(drifted: Buckets) -> None:
    assert set(rows(initialize(bucket=drifted.public))) == {"BUCKET", drifted.public}
    assert not MinioBackend(drifted.private).s3.bucket.exists()
    with pytest.raises(CommandError, match=f"declares a bucket 'b'. Declared: {drifted.private}"):
        initialize(bucket="b")
    assert drifted.private in initialize(storage="default")
    with pytest.raises(CommandError, match="Storages that are: default"):
        initialize(storage="other")


def test_narrowing_a_run_does_not_narrow_what_is_compared(buckets: Buckets, settings: Any) -> None:
    docs = {
        **buckets.options,
        "MINIO_DEFAULT_BUCKET": buckets.private,
        "MINIO_PRIVATE_BUCKETS": [],
        "MINIO_PUBLIC_BUCKETS": [buckets.private],
    }
    second = {**settings.STORAGES["default"], "OPTIONS": docs}
    settings.STORAGES = {**settings.STORAGES, "docs": second}
    with pytest.raises(
        CommandError, match=r"private by storage 'default' and public by storage 'docs'"
    ):
        initialize(storage="docs")
    assert MinioBackend(storage_name="default").s3.bucket.read_policy() is None


def test_a_check_fails_when_a_bucket_cannot_be_read(buckets: Buckets) -> None:
    buckets.change(MINIO_SECRET_KEY="not-the-secret")
    with pytest.raises(CommandError, match=r"2 bucket\(s\) could not be initialised"):
        initialize(check=True, stderr=StringIO())


def test_a_server_that_is_down_is_one_line_a_bucket(buckets: Buckets) -> None:
    err = StringIO()
    with closed_port() as endpoint:
        buckets.change(MINIO_ENDPOINT=endpoint)
        buckets.change(MINIO_RETRIES=0)
        with pytest.raises(CommandError, match=r"2 bucket\(s\) could not be initialised"):
            initialize(stderr=err, wait=0.01)
    assert err.getvalue().count("could not be reached") == 2
    assert len(err.getvalue().splitlines()) == 2


def test_waiting_ends_when_the_server_answers(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = iter([False, False, True])
    monkeypatch.setattr(
        MinioBackend, "is_minio_available", lambda storage: SimpleNamespace(is_up=next(states))
    )
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    initialize(wait=60)
    assert len(slept) == 2
