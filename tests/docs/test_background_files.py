"""The page on background files leads to exports that are made, mailed and served."""

from __future__ import annotations

from tests.docs.pages import DOCS, Project

PAGE = DOCS / "how-to" / "background-files.md"
SCRIPT = """
import re
from django.contrib.auth.models import AnonymousUser, User
from django.core import mail
from django.core.management import call_command
from django.http import Http404
from django.test import RequestFactory, override_settings
from django.test.utils import setup_test_environment
from django_minio_backend.bgfiles import toolbox
from django_minio_backend.bgfiles.models import FileRequest, State
from shop import by_hand, download_views, export_views, public_exports
from shop.exports import AccountExport

setup_test_environment()
user = User.objects.create(username="user1", email="user1@example.com")

def ask(user=user, **data):
    request = RequestFactory().post("/", data)
    request.user = user
    return request

def read(response):
    assert response.status_code in (200, 302), response
    if response.status_code == 200:
        return response.getvalue()
    import urllib.request
    return urllib.request.urlopen(response.url).read()

# A small export is the response.
assert b"user1,user1@example.com" in export_views.export_accounts(ask()).getvalue()

# A large one is made by a worker, mailed, and served to its requester.
AccountExport.evaluate_dataset = lambda self, dataset, request: setattr(dataset, "delay", True)
response = export_views.export_accounts(ask())
assert b"accounts take a while" in response.content
call_command("bgfiles", "process", "--timeout=600", "--sleep=1", "--items=20", verbosity=0)
token = re.search(r"https://www.example.com/exports/([^/]+)/", mail.outbox[0].body)[1]
assert b"user1,user1@example.com" in read(download_views.serve(ask(), token))

# A public one is for everybody, also without a pattern.
public_exports.PublicExport("accounts.csv").respond_to(ask())
by_hand.ask(ask(a=1))
by_hand.make_all()
made = FileRequest.objects.get(file_type="by hand")
assert (made.state, made.criteria) == (State.DONE, "a=1")
token = toolbox.create_general_token(made)
assert read(public_exports.serve_to_all(ask(AnonymousUser()), token)) == b"a,b\\n"
"""


def test_exports_are_made_mailed_and_served(project: Project) -> None:
    project.follow(PAGE)
    project.run_python(SCRIPT)


QUEUES = """
from django.contrib.auth.models import User
from django.test import RequestFactory
from django_minio_backend.bgfiles.models import FileRequest, State
from mysite.celery import app
from shop.exports import NameExport, UserExport

app.conf.task_always_eager = True
request = RequestFactory().post("/")
request.user = User.objects.create(username="user1", first_name="Ann", last_name="Other")
for export, content in ((UserExport, b"user1\\n"), (NameExport, b"Ann Other\\n")):
    delayed, response = export("list.txt").respond_to(request)
    assert delayed and b"We send you the link" in response.content
    made = FileRequest.objects.get(file_type=export.file_type)
    assert made.state == State.DONE, made.last_error
    assert made.filehandle.read() == content
"""


def test_celery_and_tasks_make_files_at_once(project: Project) -> None:
    project.follow(DOCS / "how-to" / "celery-and-tasks.md")
    project.run_python(QUEUES)
