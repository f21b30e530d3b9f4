"""The script in a real browser, against a real server behind a line with faults."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from django_minio_backend import MinioBackend
from django_minio_backend.direct import uploads
from django_minio_backend.direct.files import SMALL
from tests.chromium import shared_browser  # noqa: F401 (a fixture)
from tests.clips.models import Clip, Scene
from tests.conftest import Buckets
from tests.direct.conftest import list_pending
from tests.proxy import Fault, faulty_line
from tests.sizes import MIB
from tests.storage.conftest import unfinished_uploads
from tools.minio_server import Server

WebDriverException = pytest.importorskip("selenium.common").WebDriverException

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 60
SCRIPTS = Path(__file__).parents[2] / "django_minio_backend/direct/static/direct_uploads"


def test_functions_of_the_script() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node.js")
    command = [node, "--test", str(Path(__file__).with_name("script.test.mjs"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def test_the_script_is_small_and_has_no_eval() -> None:
    script = (SCRIPTS / "direct-upload.js").read_bytes()
    assert len(gzip.compress(script)) <= 8 * 1024
    assert not re.search(rb"\beval\(|new Function|innerHTML|https?://", script)


@dataclass
class Page:
    """A page with a form in the browser, and the line from it to the file server."""

    browser: Any
    url: str
    requests: list[str]
    faults: list[Fault] = field(default_factory=list)

    def load(self, path: str = "/clips/") -> None:
        self.browser.get(self.url + path)

    def find(self, selector: str) -> Any:
        return self.browser.find_element("css selector", selector)

    def find_all(self, selector: str) -> list[Any]:
        return self.browser.find_elements("css selector", selector)  # type: ignore[no-any-return]

    def choose(self, *paths: Path, name: str = "file") -> None:
        self.find(f"input[type=file][name={name}]").send_keys("\n".join(map(str, paths)))

    def wait_for(self, what: Callable[[], Any]) -> Any:
        until = time.monotonic() + PATIENCE
        while not (result := self._try(what)):
            assert time.monotonic() < until, self.browser.page_source + str(
                self.browser.get_log("browser")
            )
            time.sleep(0.05)
        return result

    def _try(self, what: Callable[[], Any]) -> Any:
        try:
            return what()
        except WebDriverException:  # the page is just being replaced
            return None

    def wait_for_state(self, state: str, count: int = 1) -> None:
        selector = f".direct-upload-file[data-state={state}]"
        self.wait_for(lambda: len(self.find_all(selector)) == count)

    def read_states(self) -> list[str]:
        return [state.text for state in self.find_all(".direct-upload-state")]

    def submit(self, title: str = "") -> None:
        if title:
            self.find("#id_title").send_keys(title)
        self.find("#save").click()

    def wait_for_saved(self) -> str:
        saved: str = self.wait_for(lambda: self.find("#saved").text)
        return saved

    def slow_down(self, bytes_per_second: int) -> None:
        limits = {"offline": False, "latency": 0, "downloadThroughput": -1}
        self.browser.execute_cdp_cmd(
            "Network.emulateNetworkConditions", {**limits, "uploadThroughput": bytes_per_second}
        )

    def list_sent_parts(self) -> list[int]:
        found = (re.match(r"PUT .*[?&]partNumber=(\d+)", request) for request in self.requests)
        return sorted(int(match[1]) for match in found if match)

    def clean(self) -> None:
        """Leave the browser as it was."""
        everything = {"origin": self.url, "storageTypes": "all"}
        self.slow_down(-1)
        for command, arguments in (
            ("Emulation.setScriptExecutionDisabled", {"value": False}),
            ("Storage.clearDataForOrigin", everything),
            ("Network.clearBrowserCookies", {}),
        ):
            self.browser.execute_cdp_cmd(command, arguments)
        self.browser.get("about:blank")
        self.browser.get_log("browser")

    def check_console(self) -> None:
        entries = [entry["message"] for entry in self.browser.get_log("browser")]
        assert [message for message in entries if "favicon.ico" not in message] == []


@pytest.fixture
def page(
    shared_browser: Any,  # noqa: F811
    buckets: Buckets,
    server: Server,
    live_server: Any,
) -> Iterator[Page]:
    faults: list[Fault] = []
    with faulty_line(server.endpoint, more=faults) as (endpoint, requests):
        buckets.change(MINIO_EXTERNAL_ENDPOINT=endpoint, MINIO_EXTERNAL_ENDPOINT_USE_HTTPS=False)
        made = Page(shared_browser, live_server.url, requests, faults)
        made.browser.execute_cdp_cmd("Network.enable", {})
        yield made
        made.clean()


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[..., Path]:
    def make(size: int, name: str = "clip.mp4") -> Path:
        path = tmp_path / name
        block = hashlib.sha256(name.encode()).digest() * 2**15
        with path.open("wb") as file:
            for start in range(0, size, len(block)):
                # No two parts are the same.
                file.write((str(start).encode() + block)[: min(len(block), size - start)])
        return path

    return make


def read_digest(file: Any) -> str:
    digest = hashlib.sha256()
    for chunk in file.chunks(MIB):
        digest.update(chunk)
    return digest.hexdigest()


def has_content_of(path: Path) -> bool:
    with path.open("rb") as file:
        return (
            read_digest(Clip.objects.get().file) == hashlib.file_digest(file, "sha256").hexdigest()
        )


@pytest.mark.parametrize("size", [10, 3 * SMALL + 5])
def test_a_file_is_chosen_and_the_form_is_sent(
    page: Page, make_file: Callable[..., Path], storage: MinioBackend, size: int
) -> None:
    path = make_file(size)
    page.load()
    page.choose(path)
    page.wait_for_state("done")
    assert page.read_states()[0].startswith("Uploaded, ")
    page.submit("one")
    assert re.fullmatch(r"clips/one/clip_[\w-]{22}\.mp4", page.wait_for_saved())
    assert has_content_of(path)
    assert list_pending(storage) == []
    page.check_console()


def test_a_large_file_pauses_and_goes_on_after_a_reload(
    page: Page, make_file: Callable[..., Path]
) -> None:
    path = make_file(300 * MIB)
    page.load()
    page.slow_down(40 * MIB)
    page.choose(path)
    text = page.wait_for(lambda: [t for t in page.read_states() if " left" in t])
    assert re.fullmatch(r"\d+ %, [\d.]+ MB a second, \d+ (sec|min) left", text[0])
    assert page.find(".direct-upload-bar").get_attribute("aria-label") == "clip.mp4"
    pause = page.find(".direct-upload-pause")
    assert (pause.text, pause.get_attribute("aria-label")) == ("Pause", "Pause: clip.mp4")
    page.wait_for(lambda: len(page.list_sent_parts()) > 4)
    pause.click()
    page.wait_for_state("paused")
    assert page.read_states()[0].startswith("Paused at ")
    page.find(".direct-upload-pause").click()
    page.wait_for_state("running")
    page.wait_for(lambda: len(page.list_sent_parts()) > 9)
    page.browser.execute_script("window.onbeforeunload = null")
    page.browser.refresh()
    page.wait_for(lambda: page.find_all("direct-upload ul"))
    before = len(page.list_sent_parts())
    page.slow_down(-1)
    page.choose(path)
    page.wait_for_state("done")
    sent = page.list_sent_parts()
    assert set(sent) == set(range(1, 39))
    # Of the parts that were on their way at the pause and at the reload some were sent again.
    assert len(sent) - 38 <= 2 * 3
    assert len(sent) - before < 38 - 4
    page.submit("one")
    page.wait_for_saved()
    assert has_content_of(path)


def test_faults_of_the_line_are_survived(page: Page, make_file: Callable[..., Path]) -> None:
    path = make_file(3 * SMALL)
    page.faults += [
        Fault(r"PUT .*partNumber=2&", 503),
        Fault(r"PUT .*partNumber=2&", "reset"),
        Fault(r"PUT .*partNumber=3&", "lost"),
        Fault(r"PUT .*partNumber=1&", 403),  # an expired link
    ]
    page.load()
    page.choose(path)
    page.wait_for_state("done")
    assert page.faults == []
    page.submit("one")
    page.wait_for_saved()
    assert has_content_of(path)


def test_a_part_that_is_damaged_on_its_way_is_sent_again(
    page: Page, make_file: Callable[..., Path]
) -> None:
    path = make_file(SMALL + 1)
    page.faults.append(Fault(r"PUT .*partNumber=1&", "garble"))
    page.load()
    page.choose(path)
    page.wait_for_state("done")
    assert page.list_sent_parts() == [1, 1, 2]
    page.submit("one")
    page.wait_for_saved()
    assert has_content_of(path)


def test_cancelling_leaves_no_parts(
    page: Page, make_file: Callable[..., Path], storage: MinioBackend
) -> None:
    page.load()
    page.slow_down(8 * MIB)
    page.choose(make_file(8 * SMALL))
    page.wait_for(lambda: page.list_sent_parts())
    page.find(".direct-upload-cancel").click()
    page.wait_for(lambda: not page.find_all(".direct-upload-file"))
    page.wait_for(lambda: unfinished_uploads(storage) == 0)
    assert page.find("#id_file").get_attribute("required")
    assert list_pending(storage) == []


def test_two_files_and_one_that_is_removed(page: Page, make_file: Callable[..., Path]) -> None:
    page.load("/many/")
    first, second = make_file(SMALL + 1, "first.bin"), make_file(20, "second.bin")
    page.choose(first, second, make_file(30, "third.bin"), name="clips")
    page.wait_for_state("done", 3)
    [*_, remove] = page.find_all(".direct-upload-cancel")
    assert remove.get_attribute("aria-label") == "Remove: third.bin"
    remove.click()
    page.submit()
    assert page.wait_for_saved() == f"2 files, {SMALL + 21} bytes"
    page.check_console()


def test_submitting_waits_for_the_upload(page: Page, make_file: Callable[..., Path]) -> None:
    page.load()
    page.slow_down(16 * MIB)
    path = make_file(3 * SMALL)
    page.choose(path)
    page.submit("one")
    status = page.find("direct-upload [role=status]")
    assert status.text == "The form is sent when the upload is done."
    page.wait_for_saved()
    assert has_content_of(path)


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("clip.pdf", 10, "Files of the type application/pdf are not accepted. These are: video/*"),
        ("still.mp4", 2 * MIB, "The file is too large. The most is 1 MB."),
    ],
)
def test_a_file_that_is_not_accepted_is_told(
    page: Page, make_file: Callable[..., Path], name: str, size: int, message: str
) -> None:
    page.load("/clips/" if name == "clip.pdf" else "/notes/")
    page.choose(make_file(size, name))
    page.wait_for_state("failed")
    assert page.read_states()[0].replace("\xa0", " ").startswith(message)
    assert page.find(".direct-upload-state").get_attribute("aria-live") == "assertive"
    page.submit()
    assert page.find("#saved").text == ""
    page.find(".direct-upload-cancel").click()
    assert page.find_all(".direct-upload-file") == []


def test_the_file_stays_after_an_error_and_a_rollback(
    page: Page, make_file: Callable[..., Path], storage: MinioBackend
) -> None:
    path = make_file(SMALL + 1)
    Clip.objects.create(title="taken", file="x.mp4")
    page.load("/rollback/")
    page.choose(path)
    page.submit("taken")
    page.wait_for(lambda: "already exists" in page.browser.page_source)
    page.wait_for_state("done")
    page.find("#id_title").clear()
    page.submit("one")
    assert page.wait_for_saved() == "rolled back"
    assert storage.listdir("clips") == ([], [])
    page.browser.execute_script("document.querySelector('form').action = '/clips/'")
    page.submit()
    page.wait_for(lambda: "/one/" in page.find("#saved").text)
    Clip.objects.get(title="taken").delete()
    assert has_content_of(path)


def test_a_lost_session_is_told(page: Page, make_file: Callable[..., Path]) -> None:
    page.load()
    token = page.find("direct-upload").get_attribute("data-token")
    other = Clip._meta.get_field("file").target.to_token("7")
    page.browser.execute_script(
        "document.querySelector('direct-upload').dataset.token = arguments[0]", other
    )
    assert token != other
    page.choose(make_file(10))
    page.wait_for_state("failed")
    assert page.read_states() == ["You are not logged in as before: log in, and load the page."]


def test_a_page_for_logging_in_is_no_answer(page: Page, make_file: Callable[..., Path]) -> None:
    page.load()
    page.browser.execute_script(
        "document.querySelector('direct-upload').dataset.begin = '/admin/begin/'"
    )
    page.choose(make_file(10))
    page.wait_for_state("failed")
    assert page.read_states() == ["You are logged out: log in, and load the page."]


def test_a_form_that_is_swapped_in_and_moved_works(
    page: Page, make_file: Callable[..., Path]
) -> None:
    """As htmx and dialogs do it."""
    page.load()
    page.browser.execute_script(
        """const form = document.querySelector("form"), html = form.outerHTML;
        form.remove();
        document.querySelector("main").insertAdjacentHTML("beforeend", html);"""
    )
    path = make_file(SMALL + 1)
    page.choose(path)
    page.wait_for_state("done")
    page.browser.execute_script(
        """const form = document.querySelector("form"), main = form.parentNode;
        form.remove();
        setTimeout(() => main.append(form), 50);"""
    )
    page.wait_for(lambda: page.find_all("form"))
    page.submit("one")
    page.wait_for_saved()
    assert has_content_of(path)
    page.check_console()


def test_resetting_the_form_takes_the_uploads_away(
    page: Page, make_file: Callable[..., Path]
) -> None:
    page.load()
    page.choose(make_file(10))
    page.wait_for_state("done")
    page.browser.execute_script("document.querySelector('form').reset()")
    page.wait_for(lambda: not page.find_all(".direct-upload-file"))
    assert page.find_all("input[name=file-receipt]") == []


def test_the_admin_with_an_inline_that_is_added(
    page: Page, make_file: Callable[..., Path], client: Any
) -> None:
    user = User.objects.create_superuser("ann", password="secret")
    client.force_login(user)
    page.load("/admin/login/")
    cookie = client.cookies["sessionid"].value
    page.browser.add_cookie({"name": "sessionid", "value": cookie})
    page.load("/admin/clips/clip/add/")
    video, still = make_file(SMALL + 1), make_file(20, "still.png")
    page.choose(video)
    page.choose(still, name="scene_set-0-still")
    page.find(".add-row a").click()
    page.choose(make_file(30, "added.png"), name="scene_set-1-still")
    page.wait_for_state("done", 3)
    page.find("#id_title").send_keys("one")
    page.find("[name=_save]").click()
    page.wait_for(lambda: page.find_all(".success"))
    assert has_content_of(video)
    sizes = sorted(scene.still.size for scene in Scene.objects.all())
    assert sizes == [20, 30]
    page.check_console()


def test_without_a_script_the_form_posts_the_file(
    page: Page, make_file: Callable[..., Path]
) -> None:
    page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    page.load()
    path = make_file(100)
    page.choose(path)
    page.submit("one")
    assert page.wait_for_saved() == "clips/one/clip.mp4"
    assert has_content_of(path)


def test_two_tabs_upload_side_by_side(page: Page, make_file: Callable[..., Path]) -> None:
    first, second = make_file(SMALL + 1, "a.mp4"), make_file(SMALL + 2, "b.mp4")
    page.load()
    page.choose(first)
    page.browser.switch_to.new_window("tab")
    page.load()
    page.choose(second)
    page.wait_for_state("done")
    page.submit("two")
    page.wait_for_saved()
    page.browser.close()
    page.browser.switch_to.window(page.browser.window_handles[0])
    page.wait_for_state("done")
    page.submit("one")
    page.wait_for_saved()
    assert sorted(clip.file.size for clip in Clip.objects.all()) == [SMALL + 1, SMALL + 2]


def test_links_that_have_ended_are_made_anew(
    page: Page, make_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "LINKS_LIVE", 1)
    path = make_file(6 * SMALL)
    page.load()
    page.slow_down(16 * MIB)
    page.choose(path)
    page.wait_for(lambda: page.list_sent_parts())
    monkeypatch.undo()
    page.wait_for_state("done")
    assert any(" 403 " in entry["message"] for entry in page.browser.get_log("browser"))
    page.submit("one")
    page.wait_for_saved()
    assert has_content_of(path)
