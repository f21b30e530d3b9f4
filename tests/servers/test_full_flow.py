"""What VersityGW's tester writes is read right, with a fake in its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from tests.conftest import Buckets
from tests.servers import full_flow
from tests.tools.fakes import write_tool
from tools.minio_server import Server

TESTER = """
import os, pathlib, sys
test = sys.argv[4]
if test == "full-flow":
    for name in ["PutObject_a", "PutObject_a", "PutObject_b", "PutObject_c", "PutObject_none"]:
        print(f"\\x1b[36mRUN  \\x1b[0m{name}")
    print("\\x1b[36mRUN  \\x1b[0mPutBucketWebsite_a")
if test == "--help":
    print("COMMANDS:\\n PutObject_a  Runs\\n PutObject_b  Runs\\n PutObject_c  Runs")
    print(" PutBucketWebsite_a  Runs")
if test == "PutObject_a" and pathlib.Path("./tester").exists() and os.environ["AWS_ACCESS_KEY_ID"]:
    print("\\x1b[32mPASS \\x1b[0mPutObject_a")
if test == "PutObject_b":
    print("\\x1b[31mFAIL \\x1b[0mPutObject_b: expected 412, instead got 200")
if test == "PutObject_c":
    sys.exit("panic")
"""


@pytest.fixture
def tester(tmp_path: Path) -> Path:
    return write_tool(tmp_path / "tester", TESTER)


def test_tests_with_a_command_and_of_operations_in_use_are_listed_once(
    tester: Path, server: Server
) -> None:
    names = full_flow.list_tests(tester, server)
    assert names == ["PutObject_a", "PutObject_b", "PutObject_c"]


def test_a_failure_has_its_reason_and_what_remains_gets_a_new_server(
    tester: Path, server: Server, buckets: Buckets
) -> None:
    starts = []

    @contextmanager
    def run() -> Iterator[Server]:
        starts.append("start")
        yield server

    names = ["PutObject_a", "PutObject_b", "PutObject_c"]
    assert dict(full_flow.try_tests(tester, run, names)) == {
        "PutObject_a": "",
        "PutObject_b": "expected 412, instead got 200",
        "PutObject_c": "the tester ended without a result",
    }
    assert len(starts) == 4  # the buckets of this test remain each time


def test_a_tester_that_hangs_has_no_result(
    tester: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    tester.with_name("tester.py").write_text("import time; time.sleep(60)")
    monkeypatch.setattr(full_flow, "TIMEOUT", 0.3)
    outcomes = dict(full_flow.try_tests(tester, lambda: nullcontext(server), ["PutObject_a"]))
    assert outcomes == {"PutObject_a": "the tester ended without a result"}


def test_the_table_counts_by_what_the_package_asks_for() -> None:
    results = {
        "one": {"PutObject_a": "", "PutObject_b": "failed", "GetObject_a": ""},
        "two": {"PutObject_a": "", "PutObject_b": "", "GetObject_a": "failed"},
    }
    lines = full_flow.make_table(results).splitlines()
    assert lines[:2] == ["| tests | one | two |", "|---|---|---|"]
    assert "| save | 1 / 1 | 2 / 0 |" in lines
    assert "| read | 1 / 0 | 0 / 1 |" in lines
    assert lines[-1] == "| all | 2 / 1 | 2 / 1 |"
