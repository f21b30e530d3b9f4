from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from django_minio_backend import MinioBackend, bucket_settings, errors, policies
from django_minio_backend.buckets import Actual, Change, Declared, declared, plan, plan_all
from django_minio_backend.errors import ConfigurationError
from tests.conftest import Buckets, Fetch
from tests.hostile import Answer, closed_port, hostile, s3_error, storage_at

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


VERSIONED = Declared("b", None, "private", {"versioning": "Enabled"})


@pytest.mark.parametrize(
    ("wanted", "actual", "actions"),
    [
        (Declared("b", None), Actual(False), ["created"]),
        (Declared("b", None), Actual(True), []),
        (Declared("b", None), Actual(True, PUBLIC), ["anonymous access removed"]),
        (Declared("b", PUBLIC), Actual(False), ["created", "policy set to public"]),
        (Declared("b", PUBLIC), Actual(True, PUBLIC), []),
        (Declared("b", PUBLIC), Actual(True), ["policy set to public"]),
        (Declared("b", HOOK, "private + hook"), Actual(True, PUBLIC), ["policy set by hook"]),
        (Declared("b", HOOK, "private + hook"), Actual(True, HOOK), []),
        (VERSIONED, Actual(False), ["created", "versioning set"]),
        (VERSIONED, Actual(True, None, {"versioning": "Suspended"}), ["versioning set"]),
        (VERSIONED, Actual(True, None, {"versioning": "Enabled"}), []),
    ],
)
def test_the_plan_is_what_differs(wanted: Declared, actual: Actual, actions: list[str]) -> None:
    assert [change.action for change in plan(wanted, actual)] == actions


def test_a_private_bucket_keeps_a_policy_that_gives_nobody_anything() -> None:
    named = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::1:root"]}}]}
    assert plan(Declared("b", None), Actual(True, named)) == []


def test_removing_access_leaves_no_policy() -> None:
    assert plan(Declared("b", None), Actual(True, PUBLIC)) == [
        Change("anonymous access removed", "policy", PUBLIC, None)
    ]


def test_a_hook_for_a_bucket_that_is_nowhere_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="'b', which is neither declared nor on"):
        plan(Declared("b", HOOK, "hook"), Actual(False))


def initialize(**options: Any) -> str:
    out = StringIO()
    call_command("initialize_buckets", stdout=out, **options)
    return out.getvalue()


def rows(printed: str) -> dict[str, list[str]]:
    """Return the table's rows by their bucket."""
    cells = [re.split(r"  +", line) for line in printed.splitlines() if "  " in line]
    return {row[1]: row[2:] for row in cells}


def test_initialize_buckets_makes_them_once(buckets: Buckets, fetch: Fetch) -> None:
    for name in (buckets.private, buckets.public):
        MinioBackend(name).client.remove_bucket(bucket_name=name)
    first, second = rows(initialize()), rows(initialize())
    assert first == {
        "BUCKET": ["DECLARED", "WAS", "NOW"],
        buckets.public: ["public", "missing", "created, policy set to public"],
        buckets.private: ["private", "missing", "created"],
    }
    assert second[buckets.public] == ["public", "as declared", "unchanged"]
    assert second[buckets.private] == ["private", "as declared", "unchanged"]
    storage = MinioBackend(buckets.public)
    storage.save("a.txt", ContentFile(b"x"))
    assert fetch(storage.url("a.txt")).status == 200
    assert fetch(f"{storage.base_url}/{buckets.public}").status == 403


def test_initialize_buckets_corrects_drift(buckets: Buckets) -> None:
    MinioBackend(buckets.public).s3.set_policy(None)
    MinioBackend(buckets.private).set_bucket_to_public()
    done = rows(initialize())
    assert done[buckets.public] == ["public", "other policy", "policy set to public"]
    assert done[buckets.private] == ["private", "other policy", "anonymous access removed"]
    assert MinioBackend(buckets.private).s3.policy() is None


def test_policy_hooks_are_applied_once(buckets: Buckets) -> None:
    buckets.change(MINIO_POLICY_HOOKS=[(buckets.private, hook_for(buckets.private))])
    first, second = rows(initialize()), rows(initialize())
    assert first[buckets.private] == ["private + hook", "other policy", "policy set by hook"]
    assert second[buckets.private] == ["private + hook", "as declared", "unchanged"]
    assert policies.same(MinioBackend().s3.policy(), hook_for(buckets.private))


HOOKS = [("some-bucket", HOOK)]


def test_policy_hooks_may_be_a_dotted_path(buckets: Buckets) -> None:
    storage = MinioBackend(MINIO_POLICY_HOOKS="tests.test_buckets.HOOKS")
    assert declared(storage.options)[-1] == Declared("some-bucket", HOOK, "hook", {}, "default")
    for path in ("tests.nowhere", "tests.test_buckets.PUBLIC"):
        wrong = MinioBackend(MINIO_POLICY_HOOKS=path)
        with pytest.raises(ConfigurationError, match="Storage 'default': MINIO_POLICY_HOOKS"):
            declared(wrong.options)


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


def test_check_bucket_existence_creates_with_the_declared_policy(buckets: Buckets) -> None:
    storage = MinioBackend(buckets.public)
    storage.client.remove_bucket(bucket_name=buckets.public)
    storage.check_bucket_existence()
    assert policies.same(storage.s3.policy(), policies.public_read(buckets.public))


@pytest.fixture
def drifted(buckets: Buckets) -> Buckets:
    MinioBackend(buckets.public).s3.set_policy(None)
    MinioBackend(buckets.private).client.remove_bucket(bucket_name=buckets.private)
    return buckets


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
    assert not MinioBackend(drifted.private).s3.bucket_exists()


def test_a_check_fails_when_something_differs(drifted: Buckets) -> None:
    with pytest.raises(CommandError, match=r"2 bucket\(s\) differ from what is declared"):
        initialize(check=True)
    initialize()
    assert "unchanged" not in initialize(check=True)


def test_one_bucket_or_one_storage_can_be_chosen(drifted: Buckets) -> None:
    assert set(rows(initialize(bucket=drifted.public))) == {"BUCKET", drifted.public}
    assert not MinioBackend(drifted.private).s3.bucket_exists()
    with pytest.raises(CommandError, match=f"declares a bucket 'b'. Declared: {drifted.private}"):
        initialize(bucket="b")
    assert drifted.private in initialize(storage="default")
    with pytest.raises(CommandError, match="Storages that are: default"):
        initialize(storage="other")


def test_the_static_bucket_is_one_of_them(buckets: Buckets, settings: Any) -> None:
    static = {
        "BACKEND": "django_minio_backend.models.MinioBackendStatic",
        "OPTIONS": buckets.options,
    }
    settings.STORAGES = {**settings.STORAGES, "staticfiles": static}
    assert rows(initialize())[buckets.static] == [
        "static",
        "missing",
        "created, policy set to public",
    ]


def test_a_bucket_of_two_aliases_is_one_bucket(buckets: Buckets, settings: Any) -> None:
    settings.STORAGES["second"] = settings.STORAGES["default"]
    assert initialize().count(buckets.private) == 1
    second = {
        **buckets.options,
        "MINIO_PRIVATE_BUCKETS": [],
        "MINIO_PUBLIC_BUCKETS": [buckets.private],
    }
    settings.STORAGES["second"] = {**settings.STORAGES["default"], "OPTIONS": second}
    buckets.change()
    with pytest.raises(CommandError, match=r"private by storage 'default' and public by 'second'"):
        initialize()


def test_narrowing_a_run_does_not_narrow_what_is_compared(buckets: Buckets, settings: Any) -> None:
    docs = {
        **buckets.options,
        "MINIO_DEFAULT_BUCKET": buckets.private,
        "MINIO_PRIVATE_BUCKETS": [],
        "MINIO_PUBLIC_BUCKETS": [buckets.private],
    }
    second = {**settings.STORAGES["default"], "OPTIONS": docs}
    settings.STORAGES = {**settings.STORAGES, "docs": second}
    with pytest.raises(CommandError, match=r"private by storage 'default' and public by 'docs'"):
        initialize(storage="docs")
    assert MinioBackend(storage_name="default").s3.policy() is None


def test_what_two_aliases_say_of_a_bucket_is_merged(buckets: Buckets, settings: Any) -> None:
    def use(mine: dict[str, Any], theirs: dict[str, Any]) -> None:
        both = {"default": mine, "docs": theirs}
        settings.STORAGES = {
            alias: {
                **settings.STORAGES["default"],
                "OPTIONS": {**buckets.options, "MINIO_BUCKETS": {buckets.private: said}},
            }
            for alias, said in both.items()
        }

    use({"tags": {"a": "b"}}, {"versioning": True})
    assert rows(initialize())[buckets.private][2] == "tags set, versioning set"
    assert buckets.private in initialize(storage="docs")
    use({"versioning": False}, {"versioning": True})
    with pytest.raises(CommandError, match="private, versioning by storage 'default' and private"):
        initialize()


def test_a_check_fails_when_a_bucket_cannot_be_read(buckets: Buckets) -> None:
    buckets.change(MINIO_SECRET_KEY="not-the-secret")
    with pytest.raises(CommandError, match=r"2 bucket\(s\) could not be initialised"):
        initialize(check=True, stderr=StringIO())


def test_private_access_keeps_what_is_not_for_everybody() -> None:
    named = {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::1:root"]}, "Action": "s3:*"}
    both = {"Version": "2012-10-17", "Statement": [named, *PUBLIC["Statement"]]}
    (change,) = plan(Declared("b"), Actual(True, both))
    assert change.after == {"Version": "2012-10-17", "Statement": [named]}
    deny = {"Statement": [{**PUBLIC["Statement"][0], "Effect": "Deny"}]}
    assert not policies.same(PUBLIC, deny)


SETTINGS: dict[str, Any] = {
    "versioning": True,
    "tags": {"team": "web", "cost": "1"},
    "lifecycle": [
        {"ID": "old", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 7}},
        {"NoncurrentVersionExpiration": {"NoncurrentDays": 30}},
    ],
}


def test_settings_of_a_bucket_are_applied_when_given_and_left_alone_when_not(
    buckets: Buckets,
) -> None:
    buckets.change(MINIO_BUCKETS={buckets.private: SETTINGS})
    first = rows(initialize())[buckets.private]
    assert first[2] == "versioning set, tags set, lifecycle set"
    assert rows(initialize())[buckets.private][2] == "unchanged"
    client = MinioBackend(buckets.private).client
    assert client.get_bucket_versioning(bucket_name=buckets.private).status == "Enabled"
    assert dict(client.get_bucket_tags(bucket_name=buckets.private) or {}) == SETTINGS["tags"]
    rules = client.get_bucket_lifecycle(bucket_name=buckets.private).rules  # type: ignore[union-attr]
    assert [rule.rule_id for rule in rules] == ["old", "rule-2"]
    buckets.change(MINIO_BUCKETS=None)
    assert rows(initialize())[buckets.private][2] == "unchanged"
    assert client.get_bucket_tags(bucket_name=buckets.private)


def test_settings_that_are_declared_empty_are_taken_away(buckets: Buckets) -> None:
    for settings in (SETTINGS, {"versioning": False, "tags": {}, "lifecycle": []}):
        buckets.change(MINIO_BUCKETS={buckets.private: settings})
        assert "set" in rows(initialize())[buckets.private][2]
    assert rows(initialize())[buckets.private][2] == "unchanged"
    assert not MinioBackend().client.get_bucket_tags(bucket_name=buckets.private)


def test_a_lock_is_given_when_the_bucket_is_made(buckets: Buckets) -> None:
    client = MinioBackend().client
    client.remove_bucket(bucket_name=buckets.private)
    lock = {"mode": "GOVERNANCE", "days": 2}
    buckets.change(MINIO_BUCKETS={buckets.private: {"object_lock": lock}})
    assert rows(initialize())[buckets.private][2] == "created, object_lock set"
    found = bucket_settings.KINDS["object_lock"].read(
        MinioBackend().s3.configuration("object-lock", "ObjectLockConfiguration")
    )
    assert found["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": "2"}
    buckets.change(MINIO_BUCKETS={buckets.private: {"object_lock": True}})
    assert rows(initialize())[buckets.private][2] == "unchanged"


def test_what_the_server_refuses_is_told_and_the_rest_is_done(buckets: Buckets) -> None:
    declared = {"tags": {"a": "b"}, "object_lock": True, "versioning": True}
    buckets.change(MINIO_BUCKETS={buckets.private: declared})
    err = StringIO()
    with pytest.raises(CommandError, match=r"1 bucket\(s\) could not"):
        initialize(stderr=err)
    # A lock can be given to a new bucket only.
    assert f"default: {buckets.private}: object_lock: " in err.getvalue()
    assert MinioBackend().client.get_bucket_tags(bucket_name=buckets.private)


def test_what_the_server_leaves_out_is_told(buckets: Buckets) -> None:
    # MinIO takes both and keeps the first.
    rule = {"Expiration": {"Days": 7}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
    buckets.change(MINIO_BUCKETS={buckets.private: {"lifecycle": [rule]}})
    err = StringIO()
    with pytest.raises(CommandError):
        initialize(stderr=err)
    assert "does not implement this" in err.getvalue()
    assert "it kept" in err.getvalue()


def test_nothing_is_changed_when_a_hook_is_wrong(drifted: Buckets) -> None:
    hook = hook_for("nowhere-at-all")
    drifted.change(MINIO_POLICY_HOOKS=[("nowhere-at-all", hook)])
    with pytest.raises(CommandError, match="'nowhere-at-all', which is neither declared"):
        initialize()
    drifted.change(MINIO_POLICY_HOOKS=[(drifted.private, {"Statement": []})])
    with pytest.raises(CommandError, match="a policy that has no list of statements"):
        initialize()
    assert not MinioBackend(drifted.private).s3.bucket_exists()


def test_the_example_hook_works_as_it_stands(buckets: Buckets) -> None:
    example = runpy.run_path("examples/policy_hook.example.py")
    (bucket, _), *_ = hooks = example["MINIO_POLICY_HOOKS"]
    buckets.change(MINIO_PRIVATE_BUCKETS=[bucket])
    buckets.change(MINIO_POLICY_HOOKS=hooks)
    initialize(bucket=bucket)
    assert rows(initialize(bucket=bucket))[bucket][2] == "unchanged"
    assert policies.same(MinioBackend(bucket).s3.policy(), hooks[0][1])


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


def test_somebody_elses_bucket_is_told(
    buckets: Buckets, restricted: Callable[..., dict[str, str]]
) -> None:
    see = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::*/*"}
    buckets.options.update(restricted([see]))
    err = StringIO()
    with pytest.raises(CommandError, match=r"2 bucket\(s\) could not be initialised"):
        initialize(stderr=err)
    assert err.getvalue().count("The credentials do not allow this") == 2
    taken = s3_error(409, "BucketAlreadyExists")
    with hostile(s3_error(404, "NoSuchBucket"), taken) as server:
        with pytest.raises(errors.BucketTaken, match="belongs to somebody else"):
            storage_at(server.endpoint).check_bucket_existence()


def test_a_server_without_policies_serves_private_buckets_only() -> None:
    there, none = Answer(200), s3_error(501, "NotImplemented")
    with hostile(there, none) as server:
        storage = storage_at(server.endpoint)
        targets = [(storage.s3, Declared("some-bucket"))]
        (planned,) = plan_all(targets)
    assert (planned.changes, planned.error) == ((), "")
    assert planned.note == "the server has no bucket policies"
    with hostile(there, none) as server:
        storage = storage_at(server.endpoint)
        (planned,) = plan_all([(storage.s3, Declared("some-bucket", PUBLIC, "public"))])
    assert "does not implement" in planned.error
    assert planned.was == "unknown"
