from __future__ import annotations

import datetime
from typing import Any

import pytest

from django_minio_backend.direct import conf


@pytest.mark.parametrize("value", ["pending", "/pending/", "pending/"])
def test_the_prefix_is_a_folder(settings: Any, value: str) -> None:
    settings.DIRECT_UPLOADS_PREFIX = value
    assert conf.get_prefix() == "pending/"


@pytest.mark.parametrize("value", ["", "/"])
def test_the_root_is_no_prefix(settings: Any, value: str) -> None:
    settings.DIRECT_UPLOADS_PREFIX = value
    assert conf.get_prefix() == conf.DEFAULT_PREFIX


def test_an_age_may_be_a_timedelta(settings: Any) -> None:
    assert conf.get_max_age() == 86400
    settings.DIRECT_UPLOADS_MAX_AGE = datetime.timedelta(hours=1)
    assert conf.get_max_age() == 3600


def test_callables_may_be_named_by_their_path(settings: Any) -> None:
    assert (conf.get_scan(), conf.get_permission()) == (None, None)
    settings.DIRECT_UPLOADS_SCAN = "django_minio_backend.direct.conf.get_scan"
    settings.DIRECT_UPLOADS_PERMISSION = conf.get_permission
    assert conf.get_scan() is conf.get_scan.__globals__["get_scan"]
    assert conf.get_permission() is conf.get_permission
