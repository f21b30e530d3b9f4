from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.files.storage import storages
from minio.sse import SseCustomerKey

from django_minio_backend.direct.targets import LARGEST, Target
from tests.clips.models import Clip
from tests.conftest import Buckets


def test_a_target_comes_back_from_its_token() -> None:
    target = Target("clips.Clip.file", "", 5, ("video/*",))
    assert Target.from_data(target.to_data()) == target


def test_a_model_field_decides_on_the_storage(buckets: Buckets, target: Target) -> None:
    assert target.find_storage() == Clip._meta.get_field("file").storage
    assert Target().find_storage() is storages["default"]


def test_another_storage_takes_no_uploads(buckets: Buckets) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"'staticfiles'.*: direct uploads need a Minio"):
        Target(alias="staticfiles").find_storage()


def test_a_key_that_the_client_holds_is_given_to_no_browser(buckets: Buckets) -> None:
    buckets.change(sse=SseCustomerKey(b"k" * 32))
    assert not Target().takes_uploads
    with pytest.raises(ImproperlyConfigured, match="a key that browsers must not have"):
        Target().find_storage()


@pytest.mark.parametrize(
    ("size", "kind", "code"),
    [
        (6, "video/mp4", "too_large"),
        (5, "image/png", "wrong_type"),
        (5, "videos/mp4", "wrong_type"),
        (5, "video/mp4; charset=x", ""),
        (0, "VIDEO/mp4", ""),
        (1, "text/plain", ""),
    ],
)
def test_size_and_type_are_limited(size: int, kind: str, code: str) -> None:
    target = Target(max_size=5, content_types=("video/*", "text/plain"))
    if not code:
        target.check(size, kind)
        return
    with pytest.raises(ValidationError) as error:
        target.check(size, kind)
    assert error.value.code == code


def test_without_limits_s3s_own_holds() -> None:
    Target().check(LARGEST, "a/b")
    with pytest.raises(ValidationError, match="the most is 5"):
        Target().check(LARGEST + 1, "a/b")


def test_messages_tell_the_limit() -> None:
    with pytest.raises(ValidationError) as error:
        Target(max_size=2**20).check(2**21, "a/b")
    message: Any = error.value.messages[0]
    assert message.replace("\xa0", " ") == "The file has 2.0 MB, and the most is 1.0 MB."
