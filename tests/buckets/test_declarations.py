from __future__ import annotations

import runpy
from typing import Any

import pytest
from django.core.management import CommandError

from django_minio_backend import MinioBackend
from django_minio_backend.buckets import policies
from django_minio_backend.buckets.declarations import BucketDeclaration, list_declarations
from django_minio_backend.errors import ConfigurationError
from tests.buckets.conftest import HOOK, initialize, rows
from tests.conftest import Buckets


def test_policy_hooks_may_be_a_dotted_path(buckets: Buckets) -> None:
    storage = MinioBackend(MINIO_POLICY_HOOKS="tests.buckets.test_apply.HOOKS")
    assert list_declarations(storage.options)[-1] == BucketDeclaration(
        "some-bucket", hook=HOOK, alias="default"
    )
    for path in ("tests.nowhere", "tests.buckets.test_apply.PUBLIC"):
        wrong = MinioBackend(MINIO_POLICY_HOOKS=path)
        with pytest.raises(ConfigurationError, match="Storage 'default': MINIO_POLICY_HOOKS"):
            list_declarations(wrong.options)


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
    buckets.change()
    assert initialize().count(buckets.private) == 1
    second = {
        **buckets.options,
        "MINIO_PRIVATE_BUCKETS": [],
        "MINIO_PUBLIC_BUCKETS": [buckets.private],
    }
    settings.STORAGES["second"] = {**settings.STORAGES["default"], "OPTIONS": second}
    buckets.change()
    with pytest.raises(
        CommandError, match=r"private by storage 'default' and public by storage 'second'"
    ):
        initialize()


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
    with pytest.raises(
        CommandError, match="by storage 'default' and by 'docs', which disagree on versioning"
    ):
        initialize()


def test_the_example_hook_works_as_it_stands(buckets: Buckets) -> None:
    example = runpy.run_path("examples/policy_hook.example.py")
    (bucket, _), *_ = hooks = example["MINIO_POLICY_HOOKS"]
    buckets.change(MINIO_PRIVATE_BUCKETS=[bucket])
    buckets.change(MINIO_POLICY_HOOKS=hooks)
    initialize(bucket=bucket)
    assert rows(initialize(bucket=bucket))[bucket][2] == "unchanged"
    assert policies.is_same(MinioBackend(bucket).s3.bucket.read_policy(), hooks[0][1])
