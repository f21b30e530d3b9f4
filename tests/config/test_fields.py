from __future__ import annotations

import pytest

from django_minio_backend.config.fields import ENDPOINT_OPTIONS
from django_minio_backend.config.options import FIELDS, NAMES


def test_each_option_has_a_help_text() -> None:
    """The reference of options is made of them."""
    helps = {name: field.metadata["help"] for name, field in FIELDS.items()}
    helps |= {name: help for name, (_, help) in ENDPOINT_OPTIONS.items()}
    assert set(helps) == NAMES
    assert all(help.endswith(".") for help in helps.values())


@pytest.mark.parametrize("name", ["MINIO_SECRET_KEY", "MINIO_ACCESS_KEY", "sse"])
def test_a_secret_is_in_no_repr(name: str) -> None:
    assert not FIELDS[name].repr
