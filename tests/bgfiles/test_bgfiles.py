from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError
from django.utils import timezone

from django_minio_backend.bgfiles import leases, toolbox
from django_minio_backend.bgfiles.models import FileRequest
from django_minio_backend.bgfiles.patterns import registry
from tests.bgfiles.conftest import Numbers, committed, run

pytestmark = pytest.mark.django_db


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_without_an_action_it_says_that_it_needs_one() -> None:
    with pytest.raises(CommandError, match="required: action"):
        run()


def test_process_does_what_is_due_and_says_so(memory: None, queued: FileRequest) -> None:
    assert run("process") == f"numbers.csv {queued.pk}: done, 9 bytes\n1 done, 0 failed.\n"
    assert run("process") == "0 done, 0 failed.\n"


@pytest.mark.parametrize("option", ["--dry-run", "--leeway=1"])
def test_process_takes_no_option_of_clean(option: str) -> None:
    with pytest.raises(CommandError, match="are for `clean`"):
        run("process", option)


def test_process_is_quiet_when_it_is_told_to(memory: None, queued: FileRequest) -> None:
    assert run("process", "-v", "0") == ""


def test_process_names_the_types_that_it_leaves_alone(db: None) -> None:
    toolbox.add_request(file_type="unknown")
    err = StringIO()
    run("process", error=err)
    assert err.getvalue() == "No handler is registered for the type 'unknown': its requests wait.\n"


def test_process_goes_on_after_a_failure_that_is_tried_again(memory: None, user: User) -> None:
    toolbox.add_request("", "numbers", user, filename="bad.csv")
    toolbox.add_request("n=1", "numbers", user, filename="good.csv")
    bad, good, summary = run("process").splitlines()
    assert "failed, to be tried again after" in bad
    assert "MultiValueDictKeyError" in bad
    assert good.endswith("done, 3 bytes")
    assert summary == "1 done, 0 failed, 1 to be tried again."


def test_process_says_what_it_lost(memory: None, queued: FileRequest) -> None:
    class Robbed:
        def handle(self, file_request: FileRequest) -> None:
            FileRequest.objects.update(lease="another")
            toolbox.attach_file(file_request, b"1", filename="1.txt")

    registry.register(Robbed(), ["numbers"])
    assert "lost to another worker" in run("process")


def test_process_exits_with_1_when_something_failed_for_good(
    memory: None, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "MAX_ATTEMPTS", 1)
    toolbox.add_request("", "numbers", user)
    with pytest.raises(CommandError, match="1 failed for good"):
        run("process")


@committed
def test_clean_removes_row_and_file_together(expired: FileRequest) -> None:
    storage, name = expired.filehandle.storage, expired.filehandle.name or ""
    assert run("clean") == "1 of 1 removed.\n"
    assert not FileRequest.objects.exists()
    assert not storage.exists(name)


def test_a_dry_run_removes_nothing(expired: FileRequest) -> None:
    out = run("clean", "--dry-run")
    assert f"numbers.csv {expired.pk}: expired " in out
    assert out.endswith("\n1 would be removed.\n")
    assert expired.filehandle.storage.exists(expired.filehandle.name or "")


def test_clean_is_bounded_by_items_and_by_time(expired: FileRequest, user: User) -> None:
    for _ in range(3):
        Numbers.handle(toolbox.add_request("n=1", "numbers", user, filename="a.csv"))
    FileRequest.objects.update(expires_at=timezone.now() - timedelta(hours=3))
    assert run("clean", "--timeout=0") == "0 of 4 removed.\n"
    assert run("clean", "--items=3") == "3 of 3 removed.\n"
    assert run("clean", "--sleep=0.01") == "1 of 1 removed.\n"


def test_clean_shows_on_a_terminal_how_far_it_is(expired: FileRequest) -> None:
    err = Terminal()
    run("clean", error=err)
    assert err.getvalue().endswith("\r1 of 1\n")


@pytest.mark.parametrize("option", ["--leeway=-90000", "--items=-1", "--sleep=nan"])
def test_numbers_below_zero_are_refused(expired: FileRequest, option: str) -> None:
    with pytest.raises(CommandError, match="must be a"):
        run("clean", option)
