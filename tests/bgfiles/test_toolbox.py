from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.signing import BadSignature
from django.db import OperationalError
from django.db.models import QuerySet
from django.utils import timezone, translation

from django_minio_backend.bgfiles import toolbox
from django_minio_backend.bgfiles.models import FileRequest, State
from tests.bgfiles.conftest import Numbers, stored

pytestmark = pytest.mark.django_db


def test_a_request_remembers_who_asked_for_what_and_how_they_speak(user: User) -> None:
    with translation.override("de"), timezone.override("Europe/Berlin"):
        made = toolbox.add_request("a=1", "report", user, "text/csv", "Übersicht.csv")
    made.refresh_from_db()
    assert (made.criteria, made.file_type, made.requester) == ("a=1", "report", user)
    assert (made.language, made.time_zone) == ("de", "Europe/Berlin")
    assert (made.state, made.attempts, made.expires_at) == (State.QUEUED, 0, None)


@pytest.mark.parametrize("contents", [b"a,b\n", "a,b\n", ContentFile(b"a,b\n")])
def test_an_attached_file_makes_the_request_done(
    anywhere: str, queued: FileRequest, contents: Any
) -> None:
    toolbox.attach_file(queued, contents, filename="report.csv")
    queued.refresh_from_db()
    assert (queued.state, queued.size, queued.filename) == (State.DONE, 4, "report.csv")
    assert queued.content_type == "text/csv"
    assert queued.finished_at
    assert stored(queued) == b"a,b\n"


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_attached_again_takes_the_place_of_the_former(done: FileRequest) -> None:
    storage, former = done.filehandle.storage, done.filehandle.name or ""
    toolbox.attach_file(done, b"new")
    assert stored(done) == b"new"
    assert not storage.exists(former)


def test_nothing_is_attached_to_what_a_worker_has(memory: None, queued: FileRequest) -> None:
    assert FileRequest.objects.get(pk=queued.pk).take()
    seen = FileRequest.objects.get(pk=queued.pk)
    with pytest.raises(toolbox.LeaseLost):
        toolbox.attach_file(seen, b"mine")
    assert seen.filehandle.storage.listdir("bgfiles")[1] == []


def test_a_token_names_its_request_and_its_requester(done: FileRequest, user: User) -> None:
    token = toolbox.create_token(done, {"more": "x"})
    found, data = toolbox.decode(token)
    assert found == done
    assert data == {"id": str(done.pk), "requester": user.pk, "more": "x"}


def test_a_general_token_is_taken_only_where_no_requester_is_required(done: FileRequest) -> None:
    token = toolbox.create_general_token(done)
    assert toolbox.decode(token, require_requester=False)[0] == done
    with pytest.raises(BadSignature):
        toolbox.decode(token)


def test_a_requesters_token_needs_a_requester(db: None) -> None:
    with pytest.raises(RuntimeError, match="requester"):
        toolbox.create_token(toolbox.add_request())


def test_a_token_is_nobodys_when_its_requester_is_gone(done: FileRequest, user: User) -> None:
    token = toolbox.create_token(done)
    user.delete()
    assert FileRequest.objects.get(pk=done.pk).requester is None
    with pytest.raises(FileRequest.DoesNotExist):
        toolbox.decode(token, require_requester=False)


def test_a_file_lives_as_long_as_the_longest_of_its_tokens(done: FileRequest) -> None:
    toolbox.create_token(done, signer=toolbox.Signer(max_age=7200))
    longest = done.expires_at
    toolbox.create_token(done, signer=toolbox.Signer(max_age=60))
    done.refresh_from_db()
    assert done.expires_at == longest


def test_a_stale_row_does_not_shorten_a_files_life(done: FileRequest) -> None:
    stale = FileRequest.objects.get()
    toolbox.create_token(done, signer=toolbox.Signer(max_age=500_000))
    toolbox.create_token(stale)
    assert stale.expires_at == FileRequest.objects.get().expires_at == done.expires_at


def test_tokens_without_an_age_let_the_file_live(db: None, memory: None) -> None:
    request = toolbox.add_request()
    toolbox.attach_file(request, b"1", filename="1.txt")
    toolbox.create_general_token(request, signer=toolbox.Signer())
    assert FileRequest.objects.get().expires_at is None


def test_making_a_token_writes_nothing_else_of_the_row(done: FileRequest) -> None:
    FileRequest.objects.filter(pk=done.pk).update(last_error="kept")
    toolbox.create_token(done)
    assert FileRequest.objects.get().last_error == "kept"
    assert Numbers.handle(done) is False


def test_a_file_stays_that_its_row_names_though_the_connection_broke(
    memory: None, queued: FileRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = FileRequest.finish

    def broken(*args: Any, **values: Any) -> None:
        finish(*args, **values)
        raise OperationalError("the connection broke")

    monkeypatch.setattr(FileRequest, "finish", broken)
    with pytest.raises(OperationalError):
        toolbox.attach_file(queued, b"1", filename="1.txt")
    assert stored(FileRequest.objects.get()) == b"1"


def test_a_file_goes_whose_row_could_not_be_written(
    memory: None, queued: FileRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **values: Any) -> None:
        raise OperationalError("the connection broke")

    monkeypatch.setattr(FileRequest, "finish", broken)
    with pytest.raises(OperationalError):
        toolbox.attach_file(queued, b"1", filename="1.txt")
    assert queued.filehandle.storage.listdir("bgfiles")[1] == []


@pytest.mark.parametrize("contents", [bytearray(b"1"), memoryview(b"1")])
def test_bytes_of_any_kind_are_attached(memory: None, queued: FileRequest, contents: Any) -> None:
    toolbox.attach_file(queued, contents)
    assert stored(queued) == b"1"


def test_what_cannot_be_read_is_told(memory: None, queued: FileRequest) -> None:
    with pytest.raises(TypeError, match="bytes, text or a file, not list_iterator"):
        toolbox.attach_file(queued, iter([b"1"]))


def test_making_a_file_shortens_no_tokens_life(memory: None, queued: FileRequest) -> None:
    toolbox.create_token(queued, signer=toolbox.Signer(max_age=7 * 86400))
    Numbers.handle(queued)
    row = FileRequest.objects.get()
    assert row.expires_at
    assert row.expires_at - timezone.now() > timedelta(days=6)
    toolbox.create_token(row, signer=toolbox.Signer())
    assert FileRequest.objects.get().expires_at is None


def test_an_attached_file_expires_even_if_nobody_makes_a_token(
    memory: None, queued: FileRequest
) -> None:
    queued.fail("no")
    queued.expires_at = timezone.now() - timedelta(hours=5)
    toolbox.attach_file(queued, b"1")
    expires = FileRequest.objects.get().expires_at
    assert expires
    assert timedelta(hours=23) < expires - timezone.now() <= timedelta(days=1)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_attach_a_file_one_is_told_and_no_file_is_left_over(done: FileRequest) -> None:
    first, second = FileRequest.objects.get(), FileRequest.objects.get()
    toolbox.attach_file(first, b"first")
    with pytest.raises(toolbox.LeaseLost):
        toolbox.attach_file(second, b"second")
    row = FileRequest.objects.get()
    assert stored(row) == b"first"
    assert row.filehandle.storage.listdir("bgfiles")[1] == [str(row.filehandle.name)[8:]]


@pytest.mark.django_db(transaction=True)
def test_the_former_file_stays_where_the_new_one_is_not_taken(
    done: FileRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **values: Any) -> None:
        raise OperationalError("the connection broke")

    monkeypatch.setattr(FileRequest, "finish", broken)
    with pytest.raises(OperationalError):
        toolbox.attach_file(done, b"new")
    assert stored(FileRequest.objects.get()) == b"0\r\n1\r\n2\r\n"


def test_a_file_stays_while_nobody_can_say_whether_its_row_names_it(
    memory: None,
    queued: FileRequest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*args: Any, **values: Any) -> None:
        raise OperationalError("the connection broke")

    monkeypatch.setattr(FileRequest, "finish", broken)
    monkeypatch.setattr(QuerySet, "exists", broken)
    with pytest.raises(OperationalError):
        toolbox.attach_file(queued, b"1", filename="1.txt")
    assert len(queued.filehandle.storage.listdir("bgfiles")[1]) == 1
    assert "it is unknown whether its file is bgfiles/" in caplog.text
