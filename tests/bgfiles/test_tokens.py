from __future__ import annotations

from typing import Any

import pytest
from django.core.signing import BadSignature

from django_minio_backend.bgfiles import toolbox
from django_minio_backend.bgfiles.models import FileRequest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("data", [[], {}, {"id": "x"}, {"id": None}, {"id": 7}, "text"])
def test_what_is_signed_but_no_token_is_a_bad_signature(data: Any) -> None:
    token = toolbox.Signer().dump(data)
    with pytest.raises(BadSignature):
        toolbox.decode(token, require_requester=False)


def test_a_changed_token_is_a_bad_signature(done: FileRequest) -> None:
    token = toolbox.create_token(done)
    for at in range(len(token)):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises(BadSignature):
            toolbox.decode(changed)


def test_tokens_outlive_a_change_of_the_secret_key(done: FileRequest, settings: Any) -> None:
    token = toolbox.create_token(done)
    settings.SECRET_KEY = "the-next-one"
    with pytest.raises(BadSignature):
        toolbox.decode(token)
    settings.SECRET_KEY_FALLBACKS = ["only-for-tests"]
    assert toolbox.decode(token)[0] == done


def test_the_fallbacks_are_not_those_of_another_key(done: FileRequest, settings: Any) -> None:
    token = toolbox.create_token(done)
    settings.BGFILES_DEFAULT_KEY = "another"
    settings.SECRET_KEY_FALLBACKS = ["only-for-tests"]
    with pytest.raises(BadSignature):
        toolbox.decode(token)


def test_the_serializer_takes_uuids(done: FileRequest) -> None:
    token = toolbox.create_token(done, {"batch": done.pk})
    assert toolbox.decode(token)[1]["batch"] == str(done.pk)


def test_the_key_of_the_project_brings_its_fallbacks_even_if_it_is_named(
    done: FileRequest, settings: Any
) -> None:
    token = toolbox.create_token(done)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "new"
    settings.BGFILES_DEFAULT_KEY = "new"
    assert toolbox.decode(token)[0] == done
