from __future__ import annotations

import datetime
from typing import Any

from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend


def test_the_modified_time_follows_use_tz(storage: MinioBackend, settings: Any) -> None:
    storage.save("x.txt", ContentFile(b"x"))
    aware = storage.get_modified_time("x.txt")
    age = datetime.datetime.now(datetime.UTC) - aware
    assert aware.utcoffset() == datetime.timedelta(0)
    assert abs(age) < datetime.timedelta(minutes=1)
    settings.USE_TZ = False
    settings.TIME_ZONE = "Asia/Tokyo"
    naive = storage.get_modified_time("x.txt")
    assert naive.tzinfo is None
    assert naive - aware.replace(tzinfo=None) == datetime.timedelta(hours=9)
