from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from django_minio_backend.bgfiles.models import FileRequest
from tests.bgfiles.conftest import Numbers, http

pytestmark = pytest.mark.django_db


def test_criteria_may_come_by_get(user: User) -> None:
    Numbers("n.csv").respond_to(http(user, path="/?n=30"))
    assert FileRequest.objects.get().criteria == "n=30"
