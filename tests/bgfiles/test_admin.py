"""The admin's pages, in a project of its own that has an admin."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = """
import django
from django.conf import settings
from django.urls import include, path

settings.configure(
    SECRET_KEY="only-for-tests",
    ALLOWED_HOSTS=["testserver"],
    INSTALLED_APPS=[
        "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
        "django.contrib.sessions", "django.contrib.messages", "django.contrib.sites",
        "django_minio_backend.bgfiles",
    ],
    SITE_ID=1,
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": [
            "django.template.context_processors.request",
            "django.contrib.auth.context_processors.auth",
            "django.contrib.messages.context_processors.messages",
        ]},
    }],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    STORAGES={
        "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    },
    ROOT_URLCONF="__main__",
    STATIC_URL="/static/",
    USE_TZ=True,
)
django.setup()
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django_minio_backend.bgfiles import leases, toolbox
from django_minio_backend.bgfiles.models import FileRequest
from django_minio_backend.bgfiles.patterns import FullPattern, registry

urlpatterns = [
    path("admin/", admin.site.urls),
    path("files/", include("django_minio_backend.bgfiles.urls")),
]
call_command("migrate", verbosity=0)
user = User.objects.create_superuser("admin")
client = Client()
client.force_login(user)
LIST = "/admin/bgfiles/filerequest/"


def act(action, rows, **more):
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows], **more}
    return client.post(LIST, data, follow=True).content.decode()


done = toolbox.add_request(file_type="report", requester=user, filename="done.csv")
toolbox.attach_file(done, b"1,2")
failed = toolbox.add_request(file_type="report", requester=user, filename="failed.csv")
failed.fail("OSError: the source broke off")
"""


def run(body: str) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-W", "error", "-c", PROJECT + body]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            """
FileRequest.objects.filter(pk=failed.pk).update(progress_done=1500, progress_total=3000)
page = client.get(LIST).content.decode()
for text in ("done.csv", "failed.csv", "the source broke off", "1,500 of 3,000 (50 %)"):
    assert text in page, text
assert "failed.csv" not in client.get(LIST + "?state=done").content.decode()
""",
            id="lists_state_progress_and_error",
        ),
        pytest.param(
            """
page = client.get(f"{LIST}{failed.pk}/change/").content.decode()
assert "the source broke off" in page
assert 'type="text"' not in page and "<textarea" not in page
page = client.get(f"{LIST}{done.pk}/change/").content.decode()
assert done.filehandle.name not in page, "the file is its requester's"
assert client.get(LIST + "add/").status_code == 403
""",
            id="shows_all_and_changes_nothing",
        ),
        pytest.param(
            """
scheduled = []
class Report(FullPattern):
    def schedule(self, file_request, http_request, dataset):
        scheduled.append((file_request.pk, dataset))
registry.register(Report, ["report"])
page = act("retry", [done, failed])
assert "1 queued again." in page and "1 left alone: not failed." in page
failed.refresh_from_db()
assert (failed.state, failed.attempts, failed.expires_at) == ("queued", 0, None)
assert scheduled == [(failed.pk, None)]
""",
            id="retries_what_failed",
        ),
        pytest.param(
            """
storage, name = done.filehandle.storage, done.filehandle.name
assert storage.exists(name)
act("delete_selected", [done, failed], post="yes")
assert not FileRequest.objects.exists()
assert not storage.exists(name)
""",
            id="deletes_rows_with_their_files",
        ),
        pytest.param(
            """
name = done.filehandle.name
client.post(f"{LIST}{done.pk}/delete/", {"post": "yes"})
assert not FileRequest.objects.filter(pk=done.pk).exists()
assert not done.filehandle.storage.exists(name)
""",
            id="deletes_one_row_with_its_file",
        ),
        pytest.param(
            """
page = client.get(f"{LIST}{done.pk}/change/").content.decode()
assert 'type="submit"' not in page.partition('id="logout-form"')[0] or 'name="_save"' not in page
assert 'name="_save"' not in page and 'name="_continue"' not in page
assert f'<a href="{LIST}{done.pk}/file/">done.csv</a>' in page
answer = client.get(f"{LIST}{done.pk}/file/")
assert b"".join(answer.streaming_content) == b"1,2"
assert "done.csv" in answer["Content-Disposition"]
assert "/file/" not in client.get(f"{LIST}{failed.pk}/change/").content.decode()
assert client.get(f"{LIST}{failed.pk}/file/").status_code == 410
stranger = Client()
assert stranger.get(f"{LIST}{done.pk}/file/").status_code == 302
stranger.force_login(User.objects.create_user("staff", is_staff=True))
assert stranger.get(f"{LIST}{done.pk}/file/").status_code == 403
""",
            id="links_to_the_file_and_saves_nothing",
        ),
    ],
)
def test_the_admin(body: str) -> None:
    run(body)


def test_links_name_the_site_where_there_are_sites() -> None:
    run("assert FullPattern().get_download_url(done, 'x') == 'https://example.com/files/x/'")


def test_the_package_works_without_background_files() -> None:
    code = """
import django
from django.conf import settings
settings.configure(INSTALLED_APPS=["django_minio_backend"])
django.setup()
import sys, django_minio_backend
from django.core.management import call_command
call_command("check")
sys.exit("bgfiles is loaded" if any("bgfiles" in name for name in sys.modules) else 0)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
