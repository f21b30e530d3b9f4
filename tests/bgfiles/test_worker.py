"""Workers as processes of their own, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.pipes import PATIENCE, clean_environment, read_line
from tools import postgres
from tools.minio_server import ServerUnavailable

ROOT = Path(__file__).parents[2]


@dataclass
class Site:
    """A project in a folder, its database and its workers."""

    folder: Path
    env: dict[str, str]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", "-m", "django", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=ROOT, env=self.env, stdout=pipe, stderr=pipe, text=True
        )

    def run(self, *arguments: str) -> str:
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (0, ""), err
        return out

    def script(self, body: str) -> str:
        return self.run("shell", "-v", "0", "-c", f"{SHELL}{body}")

    def notes(self) -> list[str]:
        path = self.folder / "notes"
        return path.read_text().splitlines() if path.exists() else []

    def wait_for(self, line: str, process: subprocess.Popen[str], times: int = 1) -> None:
        until = time.monotonic() + PATIENCE
        while self.notes().count(line) < times:
            assert process.poll() is None, process.communicate(timeout=PATIENCE)
            assert time.monotonic() < until, f"no {line!r}"
            time.sleep(0.02)


SHELL = """
from datetime import timedelta
from django.db import connection, transaction
from django.utils import timezone
from django_minio_backend.bgfiles import leases, queue, toolbox
from django_minio_backend.bgfiles.models import FileRequest
"""


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Database]:
    pytest.importorskip("psycopg")
    try:
        with postgres.running() as found:
            yield found
    except ServerUnavailable as error:
        pytest.skip(str(error))


def made_in(server: postgres.Database) -> dict[str, Any]:
    import psycopg

    name = f"site_{uuid4().hex}"
    login: dict[str, Any] = {"host": server.host, "port": server.port, "user": server.user}
    login |= {"password": server.password, "dbname": "postgres", "autocommit": True}
    with closing(psycopg.connect(**login)) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    found = {"HOST": server.host, "PORT": server.port, "USER": server.user}
    return found | {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "PASSWORD": server.password,
    }


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    if request.param == "postgresql":
        return made_in(request.getfixturevalue("server"))
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(tmp_path / "db.sqlite3"),
        "OPTIONS": {"timeout": PATIENCE},
    }


on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def site(tmp_path: Path, database: dict[str, Any]) -> Site:
    found = Site(
        tmp_path,
        clean_environment()
        | {
            "DJANGO_SETTINGS_MODULE": "tests.bgfiles.site",
            "SITE_FOLDER": str(tmp_path),
            "SITE_DATABASE": json.dumps(database),
        },
    )
    found.run("migrate", "-v", "0")
    return found


@pytest.fixture
def worker(site: Site) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        started.append(site.start("bgfiles", "process", *arguments))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=PATIENCE)


def states(site: Site) -> Any:
    body = (
        "import json; print(json.dumps(list(FileRequest.objects.values_list('state', 'attempts'))))"
    )
    return json.loads(site.script(body))


def test_many_workers_do_each_request_once(
    site: Site, worker: Callable[..., subprocess.Popen[str]]
) -> None:
    site.script(
        """
for number in range(50):
    kind, criteria = ("endless", "until=file") if number < 4 else ("quick", "")
    toolbox.add_request(criteria, kind, filename="a.txt")
"""
    )
    workers = [worker() for _ in range(4)]
    # The first four wait until each worker has one of them.
    site.wait_for("begun", workers[0], times=4)
    (site.folder / "go").touch()
    for process in workers:
        err = process.communicate(timeout=PATIENCE)[1]
        assert (process.returncode, err) == (0, ""), err
    done = Counter(line.split()[0] for line in site.notes() if line != "begun")
    assert len(done) == 50
    assert set(done.values()) == {1}
    assert states(site) == [["done", 1]] * 50
    files = list((site.folder / "media" / "bgfiles").iterdir())
    assert {file.read_bytes() for file in files} == {b"content"}
    assert len(files) == 50


@on_postgresql
def test_a_claim_passes_over_rows_that_others_have_locked(site: Site) -> None:
    claimed = site.script(
        """
import threading
first, second = [toolbox.add_request('', 'quick') for _ in range(2)]
assert connection.features.has_select_for_update_skip_locked
with transaction.atomic():
    FileRequest.objects.select_for_update().get(pk=first.pk)
    found = []
    def other():
        found.append(queue.claim())
        connection.close()
    thread = threading.Thread(target=other)
    thread.start()
    thread.join(20)
    assert found and found[0].pk == second.pk, found
print("passed over")
"""
    )
    assert claimed == "passed over\n"


def test_a_worker_that_says_nothing_for_long_keeps_its_request(site: Site) -> None:
    kept = site.script(
        """
import time
leases.LEASE = timedelta(seconds=0.3)
toolbox.add_request('', 'quick')
request = queue.claim()
began = request.leased_until
row = FileRequest.objects.filter(pk=request.pk)
with request.keep_lease():
    until = time.monotonic() + 30
    while row.get().leased_until < began + 3 * leases.LEASE:
        assert time.monotonic() < until and queue.claim() is None
        time.sleep(0.02)
request.give_back()
assert row.get().leased_until is None
print("kept")
"""
    )
    assert kept == "kept\n"


def test_a_second_signal_gives_a_request_back_at_once_and_uncounted(
    site: Site, worker: Callable[..., subprocess.Popen[str]]
) -> None:
    site.script("toolbox.add_request('', 'endless', filename='a.txt')")
    process = worker()
    site.wait_for("begun", process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    err = process.communicate(timeout=PATIENCE)[1]
    assert (process.returncode, err) == (0, "")
    assert states(site) == [["queued", 0]]
    assert list((site.folder / "media" / "bgfiles").iterdir()) == []


def test_a_signal_lets_a_request_finish_that_ends_soon(
    site: Site, worker: Callable[..., subprocess.Popen[str]]
) -> None:
    site.script(
        "toolbox.add_request('until=file', 'endless', filename='a.txt');"
        "toolbox.add_request('', 'quick')"
    )
    process = worker()
    site.wait_for("begun", process)
    process.send_signal(signal.SIGTERM)
    (site.folder / "go").touch()
    err = process.communicate(timeout=PATIENCE)[1]
    assert (process.returncode, err) == (0, "")
    assert sorted(states(site)) == [["done", 1], ["queued", 0]], "and nothing new was begun"


def test_a_request_that_does_not_end_in_time_is_given_back(
    site: Site, worker: Callable[..., subprocess.Popen[str]]
) -> None:
    site.script("toolbox.add_request('', 'endless')")
    process = worker()
    site.wait_for("begun", process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert (process.returncode, states(site)) == (0, [["queued", 0]])


@on_sqlite
def test_a_pause_ends_with_a_signal(
    site: Site, worker: Callable[..., subprocess.Popen[str]]
) -> None:
    site.script("for _ in range(2): toolbox.add_request('', 'quick')")
    process = worker("--sleep", "1000")
    assert "done" in read_line(process.stdout, process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert sorted(states(site)) == [["done", 1], ["queued", 0]]


def test_what_a_killed_worker_had_is_done_by_the_next(
    site: Site, worker: Callable[..., subprocess.Popen[str]]
) -> None:
    site.script("toolbox.add_request('until=file', 'endless', filename='a.txt')")
    process = worker()
    site.wait_for("begun", process)
    process.kill()
    process.communicate(timeout=PATIENCE)
    (site.folder / "go").touch()
    assert "0 done" in site.run("bgfiles", "process"), "the lease still runs"
    site.script("FileRequest.objects.update(leased_until=timezone.now() - timedelta(seconds=1))")
    assert "1 done" in site.run("bgfiles", "process")
    assert states(site) == [["done", 2]]


@on_postgresql
def test_a_signal_ends_a_query_and_gives_its_request_back(
    site: Site, worker: Callable[..., subprocess.Popen[str]]
) -> None:
    site.script("toolbox.add_request('mode=sleep', 'querying')")
    process = worker()
    site.wait_for("begun", process)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=PATIENCE)[1]
    assert (process.returncode, err, states(site)) == (0, "", [["queued", 0]])


@on_postgresql
def test_a_connection_that_is_lost_while_a_file_is_made_costs_nothing(
    site: Site, worker: Callable[..., subprocess.Popen[str]]
) -> None:
    site.script("toolbox.add_request('mode=lost', 'querying', filename='a.txt')")
    process = worker()
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, ""), err
    assert "1 done" in out
    assert states(site) == [["done", 1]]
    assert len(list((site.folder / "media" / "bgfiles").iterdir())) == 1


@on_postgresql
def test_a_change_whose_answer_was_lost_is_known_to_be_made(site: Site) -> None:
    found = site.script(
        """
from django.db import OperationalError
from django.db.models import QuerySet
toolbox.add_request('', 'quick')
request = queue.claim()
real = QuerySet.update
def update(rows, **values):
    QuerySet.update = real
    changed = real(rows, **values)
    connection.connection.close()
    raise OperationalError("the answer was lost")
QuerySet.update = update
request.finish(expected={}, filehandle="a.txt", size=1)
print(request.state, FileRequest.objects.get().filehandle.name)
"""
    )
    assert found == "done a.txt\n"


@on_postgresql
def test_a_connection_that_is_cut_costs_its_request_an_attempt(
    site: Site, worker: Callable[..., subprocess.Popen[str]]
) -> None:
    site.script("toolbox.add_request('mode=cut', 'querying'); toolbox.add_request('', 'quick')")
    worker().communicate(timeout=PATIENCE)
    assert sorted(states(site)) == [["done", 1], ["queued", 1]]
