from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.conftest import Buckets
from tests.hostile import closed_port


def test_the_command_names_every_alias(buckets: Buckets) -> None:
    out = StringIO()
    call_command("is_minio_available", stdout=out)
    assert out.getvalue().startswith("default: The S3 server at http://")
    out = StringIO()
    call_command("is_minio_available", stdout=out, silenced=True)
    assert out.getvalue() == ""


def test_the_command_fails_when_one_is_down(buckets: Buckets) -> None:
    with closed_port() as endpoint:
        buckets.change(MINIO_ENDPOINT=endpoint)
        with pytest.raises(CommandError, match=r"default: The S3 server at .* is NOT available"):
            call_command("is_minio_available")
