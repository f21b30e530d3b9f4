from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from django_minio_backend import MinioBackend, policies
from django_minio_backend.buckets import Actual, Change, Declared, declared, plan
from django_minio_backend.errors import ConfigurationError
from tests.conftest import Buckets, Fetch

PUBLIC = policies.public_read("b")
HOOK = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": ["*"]},
            "Action": ["s3:GetObject"],
            "Resource": ["arn:aws:s3:::BUCKET/open/*"],
        }
    ],
}


def hook_for(bucket: str) -> dict[str, Any]:
    statement = {**HOOK["Statement"][0], "Resource": [f"arn:aws:s3:::{bucket}/open/*"]}  # type: ignore[dict-item]
    return {**HOOK, "Statement": [statement]}


@pytest.mark.parametrize(
    ("wanted", "actual", "actions"),
    [
        (Declared("b", None), Actual(False), ["created"]),
        (Declared("b", None), Actual(True), []),
        (Declared("b", None), Actual(True, PUBLIC), ["anonymous access removed"]),
        (Declared("b", PUBLIC), Actual(False), ["created", "policy set to public"]),
        (Declared("b", PUBLIC), Actual(True, PUBLIC), []),
        (Declared("b", PUBLIC), Actual(True), ["policy set to public"]),
        (Declared("b", HOOK, by_hook=True), Actual(True, PUBLIC), ["policy set by hook"]),
        (Declared("b", HOOK, by_hook=True), Actual(True, HOOK), []),
    ],
)
def test_the_plan_is_what_differs(wanted: Declared, actual: Actual, actions: list[str]) -> None:
    assert [change.action for change in plan(wanted, actual)] == actions


def test_a_private_bucket_keeps_a_policy_that_gives_nobody_anything() -> None:
    named = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::1:root"]}}]}
    assert plan(Declared("b", None), Actual(True, named)) == []


def test_removing_access_leaves_no_policy() -> None:
    assert plan(Declared("b", None), Actual(True, PUBLIC)) == [
        Change("b", "anonymous access removed", None)
    ]


def test_a_hook_for_a_bucket_that_is_nowhere_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="'b', which is neither declared nor on"):
        plan(Declared("b", HOOK, by_hook=True, ours=False), Actual(False))


def initialize(**options: Any) -> str:
    out = StringIO()
    call_command("initialize_buckets", stdout=out, **options)
    return out.getvalue()


def test_initialize_buckets_makes_them_once(buckets: Buckets, fetch: Fetch) -> None:
    for name in (buckets.private, buckets.public):
        MinioBackend(name).client.remove_bucket(bucket_name=name)
    first = initialize()
    assert f"default: {buckets.public}: created, policy set to public" in first
    assert f"default: {buckets.private}: created\n" in first
    assert initialize() == (
        f"default: {buckets.public}: as declared\ndefault: {buckets.private}: as declared\n"
    )
    storage = MinioBackend(buckets.public)
    storage.save("a.txt", ContentFile(b"x"))
    assert fetch(storage.url("a.txt")).status == 200
    assert fetch(f"{storage.base_url}/{buckets.public}").status == 403


def test_initialize_buckets_corrects_drift(buckets: Buckets) -> None:
    MinioBackend(buckets.public).s3.set_policy(None)
    MinioBackend(buckets.private).set_bucket_to_public()
    done = initialize()
    assert f"{buckets.public}: policy set to public" in done
    assert f"{buckets.private}: anonymous access removed" in done
    assert MinioBackend(buckets.private).s3.policy() is None


def test_policy_hooks_are_applied_once(buckets: Buckets) -> None:
    buckets.options["MINIO_POLICY_HOOKS"] = [(buckets.private, hook_for(buckets.private))]
    assert f"{buckets.private}: policy set by hook" in initialize()
    assert f"{buckets.private}: as declared" in initialize()
    assert policies.same(MinioBackend().s3.policy(), hook_for(buckets.private))


HOOKS = [("some-bucket", HOOK)]


def test_policy_hooks_may_be_a_dotted_path(buckets: Buckets) -> None:
    storage = MinioBackend(MINIO_POLICY_HOOKS="tests.test_buckets.HOOKS")
    assert declared(storage.options)[-1] == Declared("some-bucket", HOOK, True, ours=False)
    for path in ("tests.nowhere", "tests.test_buckets.PUBLIC"):
        wrong = MinioBackend(MINIO_POLICY_HOOKS=path)
        with pytest.raises(ConfigurationError, match="Storage 'default': MINIO_POLICY_HOOKS"):
            declared(wrong.options)


def test_silence_prints_nothing(buckets: Buckets) -> None:
    assert initialize(silenced=True) == ""
    assert initialize(verbosity=0) == ""


def test_a_failure_is_reported_bucket_by_bucket(buckets: Buckets) -> None:
    buckets.options["MINIO_SECRET_KEY"] = "not-the-secret"
    err = StringIO()
    with pytest.raises(CommandError, match=r"2 bucket\(s\) could not be initialised"):
        initialize(stderr=err)
    assert err.getvalue().count("does not accept the credentials") == 2


def test_a_settings_mistake_is_one_line(buckets: Buckets) -> None:
    buckets.options["MINIO_ENPOINT"] = "x"
    for command in ("initialize_buckets", "is_minio_available"):
        with pytest.raises(CommandError, match="did you mean MINIO_ENDPOINT"):
            call_command(command)


def test_check_bucket_existence_creates_with_the_declared_policy(buckets: Buckets) -> None:
    storage = MinioBackend(buckets.public)
    storage.client.remove_bucket(bucket_name=buckets.public)
    storage.check_bucket_existence()
    assert policies.same(storage.s3.policy(), policies.public_read(buckets.public))
