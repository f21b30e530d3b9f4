from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.signing import BadSignature, SignatureExpired
from django.utils import timezone

from django_minio_backend.bgfiles import toolbox
from django_minio_backend.bgfiles.models import FileRequest

pytestmark = pytest.mark.django_db


def test_the_default_is_a_day_the_secret_key_and_the_salt_bgfiles(done: FileRequest) -> None:
    done.expires_at = None
    token = toolbox.create_token(done)
    assert done.expires_at is not None
    left = done.expires_at - timezone.now()
    assert timedelta(seconds=86390) < left <= timedelta(days=1)
    assert toolbox.Signer(key="only-for-tests", salt="bgfiles").load(token)


@pytest.mark.parametrize(
    ("name", "value"),
    [("BGFILES_DEFAULT_KEY", "another"), ("BGFILES_DEFAULT_SALT", "another")],
)
def test_key_and_salt_are_settings(done: FileRequest, settings: Any, name: str, value: str) -> None:
    before = toolbox.create_token(done)
    setattr(settings, name, value)
    assert toolbox.decode(toolbox.create_token(done))
    with pytest.raises(BadSignature):
        toolbox.decode(before)


def test_the_age_is_a_setting(done: FileRequest, settings: Any) -> None:
    token = toolbox.create_token(done)
    settings.BGFILES_DEFAULT_MAX_AGE = -1
    with pytest.raises(SignatureExpired):
        toolbox.decode(token)


class Reversing(toolbox.JSONSerializer):
    def dumps(self, obj: Any) -> bytes:
        return super().dumps(obj)[::-1]

    def loads(self, data: bytes) -> Any:
        return super().loads(data[::-1])


@pytest.mark.parametrize("value", [Reversing, f"{__name__}.Reversing"])
def test_the_serializer_is_a_setting(done: FileRequest, settings: Any, value: Any) -> None:
    settings.BGFILES_DEFAULT_SERIALIZER = value
    token = toolbox.create_token(done)
    assert toolbox.decode(token)[0] == done
    assert toolbox.Signer(serializer=Reversing).load(token)


MY_SIGNER = toolbox.Signer(key="mine", max_age=60)


@pytest.mark.parametrize("value", [MY_SIGNER, f"{__name__}.MY_SIGNER"])
def test_the_signer_is_a_setting(done: FileRequest, settings: Any, value: Any) -> None:
    settings.BGFILES_DEFAULT_SIGNER = value
    assert MY_SIGNER.load(toolbox.create_token(done))


def test_a_time_span_is_a_max_age(done: FileRequest, settings: Any) -> None:
    settings.BGFILES_DEFAULT_MAX_AGE = timedelta(days=2)
    toolbox.create_token(done)
    expires = FileRequest.objects.get().expires_at
    assert expires
    assert expires - timezone.now() > timedelta(days=1)
