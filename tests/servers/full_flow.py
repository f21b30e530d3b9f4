"""VersityGW's own tests of S3, run on each server, and their table."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from minio import Minio

from tools.minio_server import Server

#: Seconds.
TIMEOUT = 20.0
#: What this package asks a server for, and the first words of the names of its tests.
GROUPS = {
    "signatures": ("Authentication", "PresignedAuth"),
    "signed chunks": ("SignedStreamingPayload",),
    "create, test and delete a bucket": ("CreateBucket", "HeadBucket", "DeleteBucket"),
    "policies of buckets": ("PutBucketPolicy", "GetBucketPolicy", "DeleteBucketPolicy"),
    "save": ("PutObject",),
    "read": ("GetObject", "HeadObject"),
    "list": ("ListObjectsV2",),
    "delete": ("DeleteObject", "DeleteObjects"),
    "tags of objects": ("PutObjectTagging", "GetObjectTagging"),
    "save in parts": (
        "CreateMultipartUpload",
        "UploadPart",
        "UploadPartCopy",
        "CompleteMultipartUpload",
        "CompletedMultipartUpload",
        "AbortMultipartUpload",
        "ListParts",
        "ListMultipartUploads",
    ),
    "forms": ("PostObject",),
}
Outcomes = dict[str, str]
Run = Callable[[], AbstractContextManager[Server]]
_CRASHED = "the tester ended without a result"


def list_tests(tester: Path, server: Server) -> list[str]:
    """Return the tests of "full-flow" for what this package uses.

    Only a run tells what belongs to "full-flow". A few of its tests have no command of their own.
    """
    flow = _run_tester(tester, server, "full-flow", "--parallel", timeout=10 * TIMEOUT)
    commands = set(_run_tester(tester, server, "--help", timeout=TIMEOUT).split())
    names = dict.fromkeys(re.findall(r"^RUN +(\w+)$", flow, re.MULTILINE))
    return [name for name in names if name in commands and find_group(name)]


def try_tests(tester: Path, run: Run, names: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the name of each test and why it failed, "" if it passed.

    Each has a process of its own: an answer that it does not expect may end the tester. Some tests
    leave buckets, which would fail the next ones. Then these get a new server.
    """
    with ExitStack() as stack:
        server = stack.enter_context(run())
        for name in names:
            failure = find_failure(_run_tester(tester, server, name, timeout=TIMEOUT), name)
            yield name, failure
            if _has_buckets(server):
                stack.close()
                server = stack.enter_context(run())


def _has_buckets(server: Server) -> bool:
    client = Minio(
        endpoint=server.endpoint,
        access_key=server.access_key,
        secret_key=server.secret_key,
        secure=server.secure,
        region="us-east-1",
    )
    return bool(client.list_buckets())


def find_failure(output: str, name: str) -> str:
    if re.search(rf"^PASS +{name}$", output, re.MULTILINE):
        return ""
    failure = re.search(rf"^FAIL +{name}: (.*)$", output, re.MULTILINE)
    return failure[1] if failure else _CRASHED


def _run_tester(tester: Path, server: Server, *arguments: str, timeout: float) -> str:
    """Return what a test writes, without its colours."""
    command: list[str | Path] = [tester, "test", "--endpoint", server.url, *arguments]
    with tempfile.TemporaryDirectory(prefix="full-flow-") as scratch:
        # Some tests create users with ./versitygw.
        Path(scratch, tester.name).symlink_to(tester.absolute())
        env = {
            "HOME": scratch,
            "PATH": os.environ.get("PATH", ""),
            "AWS_ACCESS_KEY_ID": server.access_key,
            "AWS_SECRET_ACCESS_KEY": server.secret_key,
        }
        try:
            result = subprocess.run(
                command,
                cwd=scratch,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout,
                check=False,
            )
            output = result.stdout
        except subprocess.TimeoutExpired as error:
            output = error.stdout or b""
    return re.sub(r"\x1b\[\d*m", "", output.decode(errors="replace"))


def find_group(test: str) -> str | None:
    operation = test.partition("_")[0]
    return next((group for group, words in GROUPS.items() if operation in words), None)


def make_table(results: Mapping[str, Outcomes]) -> str:
    """Return a table: of each group of tests how many pass and how many fail, for each server."""
    lines = [f"| tests | {' | '.join(results)} |", "|---" * (len(results) + 1) + "|"]
    lines += [_make_row(group, group, results) for group in GROUPS]
    return "\n".join([*lines, _make_row("all", None, results)])


def _make_row(title: str, group: str | None, results: Mapping[str, Outcomes]) -> str:
    cells = []
    for outcomes in results.values():
        failures = [why for name, why in outcomes.items() if group in {None, find_group(name)}]
        failed = sum(map(bool, failures))
        cells.append(f"{len(failures) - failed} / {failed}")
    return f"| {title} | {' | '.join(cells)} |"
