from __future__ import annotations

from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from django_minio_backend import MinioBackend
from tests.moving.conftest import content, copy

pytestmark = pytest.mark.django_db


def test_verifying_tells_every_difference_and_changes_nothing(disk: Path) -> None:
    copy("disk", "default")
    storages["default"].delete("b/d/empty.bin")
    MinioBackend(replace_existing=True).save("a.txt", ContentFile(b"b"))
    before = content("default")
    out, said = copy("disk", "default", verify_only=True)
    assert out == "1 the same, 1 differ, 1 missing.\n"
    assert "a.txt: differs\n" in said
    assert "b/d/empty.bin: is missing\n" in said
    assert "FAILED: 2 of 3 files are not the same." in said
    assert content("default") == before
