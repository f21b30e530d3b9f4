"""The example project in a real browser, which loads from the bucket without an error."""

from __future__ import annotations

import json
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.examples.test_demo import PATIENCE, demo, environment, scratch  # noqa: F401 (fixtures)

webdriver = pytest.importorskip("selenium.webdriver")
WebDriverWait = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait
title_contains = pytest.importorskip(
    "selenium.webdriver.support.expected_conditions"
).title_contains


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no Chromium with its driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("headless", "no-sandbox", "disable-gpu", f"user-data-dir={tmp_path / 'user'}"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    found = webdriver.Chrome(options=options, service=service)
    try:
        yield found
    finally:
        found.quit()


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


def test_pages_load_from_the_bucket_without_an_error(
    browser: Any,
    environment: dict[str, str],  # noqa: F811
) -> None:
    with demo(environment) as process:
        assert process.stdout
        printed = ""
        while "Ctrl-C" not in printed and (line := process.stdout.readline()):
            printed += line
        site = re.search(r"Site +(http\S+)", printed)
        login = re.search(r"Admin +(\S+) +user admin, password (\S+)", printed)
        assert site
        assert login
        for url in (site[1], login[1]):
            answers = loaded(browser, url)
            assert {status for status, _ in answers} == {200}
            # Hashed names, from the bucket.
            static = [link for _, link in answers if environment["MINIO_ENDPOINT"] in link]
            assert any(re.search(r"\.[0-9a-f]{12}\.css$", link) for link in static)
        header = browser.find_element("id", "header")
        assert header.value_of_css_property("background-color") != "rgba(0, 0, 0, 0)"
        browser.find_element("name", "username").send_keys("admin")
        browser.find_element("name", "password").send_keys(login[2])
        browser.find_element("css selector", "input[type=submit]").click()
        WebDriverWait(browser, 30).until(title_contains("Site administration"))
        answers = loaded(browser, f"{login[1]}attachments/")
        assert {status for status, _ in answers} == {200}
        process.send_signal(signal.SIGINT)  # so that it takes its buckets along
        process.communicate(timeout=PATIENCE)
