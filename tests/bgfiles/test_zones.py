from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from django_minio_backend.bgfiles import queue, toolbox

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        (timezone.get_fixed_timezone(150), "+02:30"),
        (datetime.timezone(datetime.timedelta(hours=-5)), "-05:00"),
        (datetime.UTC, "+00:00"),
        (ZoneInfo("Europe/Berlin"), "Europe/Berlin"),
    ],
)
def test_a_request_keeps_the_time_zone_that_was_active(
    memory: None, zone: datetime.tzinfo, name: str
) -> None:
    with timezone.override(zone):
        request = toolbox.add_request()
    assert request.time_zone == name
    when = datetime.datetime(2026, 7, 1, tzinfo=datetime.UTC)
    with queue._activate_requester(request):
        assert timezone.localtime(when).utcoffset() == when.astimezone(zone).utcoffset()
