"""The example project in a real browser, which loads from the bucket without an error."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.chromium import browser, loaded  # noqa: F401 (a fixture)
from tests.examples.test_demo import PATIENCE, demo, environment, scratch  # noqa: F401 (fixtures)
from tests.pipes import killed_after

WebDriverWait = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait
title_contains = pytest.importorskip(
    "selenium.webdriver.support.expected_conditions"
).title_contains


@dataclass
class Running:
    """A demo and what it printed."""

    site: str
    exports: str
    admin: str
    password: str


@contextmanager
def running(env: dict[str, str]) -> Iterator[Running]:
    with demo(env) as process:
        assert process.stdout
        printed = ""
        with killed_after(process, PATIENCE):
            while "Ctrl-C" not in printed and (line := process.stdout.readline()):
                printed += line
        links = r"Site +(\S+)\s+Exports +(\S+)\s+Admin +(\S+) +user admin, password (\S+)"
        found = re.search(links, printed)
        assert found, printed
        yield Running(*found.groups())
        process.send_signal(signal.SIGINT)  # so that it takes its buckets along
        process.communicate(timeout=PATIENCE)


def log_in(browser: Any, password: str) -> None:  # noqa: F811
    browser.find_element("name", "username").send_keys("admin")
    browser.find_element("name", "password").send_keys(password)
    browser.find_element("css selector", "input[type=submit]").click()


def test_pages_load_from_the_bucket_without_an_error(
    browser: Any,  # noqa: F811
    environment: dict[str, str],  # noqa: F811
) -> None:
    with running(environment) as project:
        for url in (project.site, project.admin):
            answers = loaded(browser, url)
            assert {status for status, _ in answers} == {200}
            # Hashed names, from the bucket.
            static = [link for _, link in answers if environment["MINIO_ENDPOINT"] in link]
            assert any(re.search(r"\.[0-9a-f]{12}\.css$", link) for link in static)
        header = browser.find_element("id", "header")
        assert header.value_of_css_property("background-color") != "rgba(0, 0, 0, 0)"
        log_in(browser, project.password)
        WebDriverWait(browser, 30).until(title_contains("Site administration"))
        for app in ("attachments/", "bgfiles/filerequest/"):
            answers = loaded(browser, f"{project.admin}{app}")
            assert {status for status, _ in answers} == {200}


def downloaded(folder: Path, name: str) -> Path:
    """Return a file that the browser saved, once it is whole."""
    found = folder / "downloads" / name
    until = time.monotonic() + PATIENCE
    while not found.exists() or list(found.parent.glob("*.crdownload")):
        assert time.monotonic() < until, f"no {name}"
        time.sleep(0.05)
    return found


def test_an_export_is_asked_for_watched_and_downloaded(
    browser: Any,  # noqa: F811
    environment: dict[str, str],  # noqa: F811
    tmp_path: Path,
) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    with running(environment) as project:
        browser.get(project.exports)
        log_in(browser, project.password)
        wait = WebDriverWait(browser, 30, poll_frequency=0.05)
        wait.until(title_contains("Exports"))
        for kind in ("xlsx", "csv"):
            loaded(browser, project.exports)
            browser.find_element("css selector", f"button[value={kind}]").click()
            count = wait.until(lambda it: it.find_element("id", "count").text)
            if kind == "xlsx":
                assert re.fullmatch(r"(?!50,000)[\d,]+ of 50,000", count), "no progress was seen"
            link = wait.until(lambda it: it.find_element("link text", "Download"))
            assert browser.find_element("id", "state").text == "done"
            assert browser.find_element("id", "count").text == "50,000 of 50,000"
            assert browser.get_log("browser") == []
            link.click()
            saved = downloaded(tmp_path, f"readings.{kind}")
            if kind == "csv":
                lines = saved.read_text().splitlines()
                assert (len(lines), lines[0]) == (50_001, "sensor,taken at,°C")
            else:
                book = openpyxl.load_workbook(saved, read_only=True)
                assert sum(1 for _ in book.active.rows) == 50_001
                book.close()
        loaded(browser, project.exports)
        browser.find_element("name", "sensor").send_keys("7")
        browser.find_element("css selector", "button[value=csv]").click()
        # Little is answered at once: the second file of that name.
        assert len(downloaded(tmp_path, "readings (1).csv").read_text().splitlines()) == 1001
