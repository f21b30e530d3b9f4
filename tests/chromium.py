"""A real browser without a window, and what it loads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def open_browser(folder: Path) -> Iterator[Any]:
    """Start a browser whose profile and downloads are in a folder. Skips a test without one."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no Chromium with its driver")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("headless", "no-sandbox", "disable-gpu", f"user-data-dir={folder / 'user'}"):
        options.add_argument(f"--{argument}")
    options.add_experimental_option(
        "prefs", {"download.default_directory": str(folder / "downloads")}
    )
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    started = webdriver.Chrome(options=options, service=service)
    try:
        yield started
    finally:
        started.quit()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    with open_browser(tmp_path) as started:
        yield started


@pytest.fixture(scope="module")
def shared_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start a browser for all tests of a module: they clean up what they leave in it."""
    with open_browser(tmp_path_factory.mktemp("browser")) as started:
        yield started


def loaded(browser: Any, url: str) -> list[tuple[int, str]]:
    """Open a page and return what it loaded, with each answer's status."""
    browser.get_log("performance")
    browser.get(url)
    answers = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        assert message["method"] != "Network.loadingFailed", message
        if message["method"] == "Network.responseReceived":
            response = message["params"]["response"]
            answers.append((response["status"], response["url"]))
    assert browser.get_log("browser") == []
    return answers
