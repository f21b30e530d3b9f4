from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.signing import BadSignature, SignatureExpired

from django_minio_backend.direct import tokens


def test_a_token_is_of_one_kind() -> None:
    token = tokens.sign(tokens.TICKET, {"a": 1})
    assert tokens.load(tokens.TICKET, token) == {"a": 1}
    for kind in (tokens.FIELD, tokens.RECEIPT):
        with pytest.raises(BadSignature):
            tokens.load(kind, token)


def test_a_token_ends(settings: Any) -> None:
    token = tokens.sign(tokens.TICKET, {})
    settings.DIRECT_UPLOADS_MAX_AGE = -1
    with pytest.raises(SignatureExpired):
        tokens.load(tokens.TICKET, token)


def test_ids_are_long_and_fit_into_names() -> None:
    ids = {tokens.make_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", id) for id in ids)
