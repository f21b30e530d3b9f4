"""The form of the page on browser uploads sends a file to the server."""

from __future__ import annotations

from tests.docs.pages import DOCS, Project

SCRIPT = """
import re
from html import unescape
import urllib3
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.test import Client

browser = Client(headers={"host": "localhost"})
assert browser.get("/upload/").status_code == 302
browser.force_login(User.objects.create(username="user1"))
page = browser.get("/upload/").content.decode()
action = unescape(re.search('form action="([^"]+)"', page)[1])
pairs = re.findall('type="hidden" name="([^"]+)" value="([^"]*)"', page)
fields = {name: unescape(value) for name, value in pairs}
with urllib3.PoolManager() as http:
    def send(content):
        file = ("18.pdf", content, "application/pdf")
        return http.request("POST", action, fields={**fields, "file": file}).status
    assert send(b"%PDF") == 204
    with default_storage.open(fields["key"]) as stored:
        assert stored.read() == b"%PDF"
    assert send(b"x" * (10 * 2**20 + 1)) == 400
"""


def test_the_form_uploads_a_file_of_limited_size(project: Project) -> None:
    project.follow(DOCS / "how-to" / "browser-uploads.md")
    project.run_python(SCRIPT)
