from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError
from django.utils import timezone

from django_minio_backend.bgfiles import cleaning, toolbox
from django_minio_backend.bgfiles.models import FileRequest, State
from tests.bgfiles.conftest import committed, run

pytestmark = pytest.mark.django_db


def test_clean_leaves_what_may_still_be_downloaded(expired: FileRequest) -> None:
    assert run("clean", "--leeway=7300") == "0 of 0 removed.\n"
    assert run("clean", "--leeway=7100") == "1 of 1 removed.\n"


def test_clean_leaves_what_never_expires_and_what_is_still_to_be_done(
    expired: FileRequest, queued: FileRequest
) -> None:
    FileRequest.objects.update(expires_at=None)
    past = timezone.now() - timedelta(days=9)
    FileRequest.objects.create(expires_at=past)
    FileRequest.objects.create(expires_at=past, state=State.RUNNING)
    run("clean")
    assert FileRequest.objects.count() == 3


@committed
def test_clean_removes_what_failed(db: None) -> None:
    request = toolbox.add_request()
    request.fail("no")
    FileRequest.objects.update(expires_at=timezone.now() - timedelta(days=1))
    assert run("clean") == "1 of 1 removed.\n"


@committed
def test_clean_keeps_the_row_of_a_file_that_it_cannot_delete_and_says_so(
    expired: FileRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    toolbox.add_request()
    FileRequest.objects.filter(filehandle="").update(
        state=State.FAILED, expires_at=timezone.now() - timedelta(hours=3)
    )

    def down(name: str) -> None:
        raise ConnectionError("the storage is down")

    monkeypatch.setattr(expired.filehandle.storage, "delete", down)
    err = StringIO()
    with pytest.raises(CommandError, match="1 could not be removed"):
        run("clean", error=err)
    assert "not removed, ConnectionError: the storage is down" in err.getvalue()
    assert [row.pk for row in FileRequest.objects.all()] == [expired.pk]
    assert expired.filehandle.storage.exists(expired.filehandle.name or "")


@committed
def test_deleting_many_takes_the_files_along(done: FileRequest) -> None:
    storage: Any = done.filehandle.storage
    assert FileRequest.objects.all().delete() == (1, {"bgfiles.FileRequest": 1})
    assert storage.listdir("bgfiles")[1] == []


def test_clean_leaves_what_was_given_another_token_meanwhile(expired: FileRequest) -> None:
    found = list(cleaning.find_expired(timedelta(0)))

    class Stale:
        def iterator(self, chunk_size: int) -> list[FileRequest]:
            return found

    toolbox.create_token(expired)
    assert list(cleaning.remove_requests(Stale())) == []  # type: ignore[arg-type]
    assert FileRequest.objects.exists()
