from __future__ import annotations

import time
from io import StringIO
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from django_minio_backend import MinioBackend
from django_minio_backend.direct.files import DirectUpload, make_final_name
from django_minio_backend.errors import AccessDenied
from tests.clips.models import Clip
from tests.conftest import Buckets
from tests.direct.conftest import list_pending

pytestmark = pytest.mark.django_db


def clean(**options: Any) -> str:
    out = StringIO()
    call_command("clean_direct_uploads", stdout=out, stderr=out, **options)
    return out.getvalue().replace("\xa0", " ")


@pytest.fixture
def uploads(storage: MinioBackend) -> list[DirectUpload]:
    """Two uploads. A row waits for the first one."""
    target = Clip._meta.get_field("file").target
    found = [DirectUpload.store(target, "a.mp4", ContentFile(b"abc")) for _ in range(2)]
    name = make_final_name("clips/a.mp4", found[0].suffix, 100)
    Clip.objects.create(title="one", file=name)
    return found


def test_young_uploads_stay_and_rows_get_their_files(
    uploads: list[DirectUpload], storage: MinioBackend
) -> None:
    name = f"clips/a_{uploads[0].suffix}.mp4"
    assert clean(dry_run=True) == (
        f"{name} (3 bytes): would be published\n"
        "1 would be published, 0 would be deleted, 1 younger and left alone.\n"
    )
    assert len(list_pending(storage)) == 2
    assert clean() == (
        f"{name} (3 bytes): published\n1 published, 0 deleted, 1 younger and left alone.\n"
    )
    assert storage.open(name).read() == b"abc"
    assert list_pending(storage) == [uploads[1].receipt.id]


def test_old_uploads_go(uploads: list[DirectUpload], storage: MinioBackend, settings: Any) -> None:
    settings.DIRECT_UPLOADS_MAX_AGE = 0.5
    until = time.monotonic() + 60
    while clean(dry_run=True).count("would be deleted") < 2:
        assert time.monotonic() < until
    assert clean().endswith("1 published, 1 deleted, 0 younger and left alone.\n")
    assert list_pending(storage) == []


def test_a_failure_is_told_and_fails_the_command(
    uploads: list[DirectUpload],
    storage: MinioBackend,
    monkeypatch: pytest.MonkeyPatch,
    buckets: Buckets,
) -> None:
    def refuse(*args: Any, **keywords: Any) -> None:
        raise AccessDenied("no copies")

    monkeypatch.setattr(MinioBackend, "save_new", refuse)
    out = StringIO()
    with pytest.raises(CommandError, match="1 of them failed"):
        call_command("clean_direct_uploads", stdout=out, stderr=out)
    assert "no copies" in out.getvalue()
    assert len(list_pending(storage)) == 2


def test_a_wrong_age_is_refused() -> None:
    with pytest.raises(CommandError, match=r"at least 48 hours \(twice DIRECT_UPLOADS_MAX_AGE\)"):
        call_command("clean_direct_uploads", older_than=1)
