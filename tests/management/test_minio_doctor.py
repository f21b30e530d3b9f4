from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from django_minio_backend import MinioBackend
from tests.conftest import Buckets
from tests.hostile import closed_port


def examine(**options: Any) -> str:
    out = io.StringIO()
    call_command("minio_doctor", stdout=out, **options)
    return out.getvalue()


def test_a_table_tells_what_was_found_and_what_to_do(
    buckets: Buckets, public_storage: MinioBackend
) -> None:
    buckets.change(MINIO_DEFAULT_BUCKET=buckets.public)
    public_storage.set_bucket_to_public()
    printed = examine().splitlines()
    assert printed[0].startswith(f"default: public bucket '{buckets.public}' at http://127.0.0.1:")
    assert printed[2].split() == ["CHECK", "RESULT", "FOUND"]
    assert "taken names          ok       a taken name is refused" in printed
    assert printed[-2].startswith("- unsigned response-*: Any public upload can be opened as a")


def test_failures_are_the_exit_code(buckets: Buckets) -> None:
    with closed_port() as endpoint:
        buckets.change(MINIO_ENDPOINT=endpoint)
        with pytest.raises(CommandError, match=r"default: server: The S3 server at .* NOT avail"):
            examine()


def test_json_is_for_machines(buckets: Buckets) -> None:
    found = json.loads(examine(json=True))["default"]
    assert {"name", "verdict", "detail", "advice"} == set(found[0])
    assert {one["verdict"] for one in found} == {"ok"}
    assert examine(silenced=True) == ""
    with pytest.raises(CommandError, match="'other' is no storage of this package"):
        examine(storage="other")
