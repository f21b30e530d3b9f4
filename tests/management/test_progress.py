from __future__ import annotations

import io
import itertools
from pathlib import Path

import pytest
from django.core.management import call_command

pytestmark = pytest.mark.django_db


def test_progress_is_told_on_a_terminal(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    clock = itertools.count()
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    err = Terminal()
    call_command("copy_storage", "--from=disk", "--to=default", stderr=err, stdout=io.StringIO())
    assert "1 of 3 files, " in err.getvalue()
    assert "left" in err.getvalue()
