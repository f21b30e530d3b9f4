"""The tutorial and the README lead from an empty folder to the first upload."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from tests.docs.conftest import BUCKETS
from tests.docs.pages import README, Project

PASSWORD = "only-for-this-test"
# What the tutorial lets its reader do by hand: log in to the admin, and upload two files.
UPLOAD = f"""
import json, re
from django.core.files.base import ContentFile
from django.test import Client

browser = Client(headers={{"host": "localhost"}})
assert browser.login(username="admin", password="{PASSWORD}")
add = "/admin/shop/customer/add/"
assert browser.get(add).status_code == 200
form = {{
    "name": "Customer 1",
    "contract": ContentFile(b"signed here", name="contract.txt"),
    "picture": ContentFile(b"a smile", name="portrait.txt"),
}}
response = browser.post(add, form)
assert response.status_code == 302, response.content
from shop.models import Customer
customer = Customer.objects.latest("pk")
page = browser.get(f"/admin/shop/customer/{{customer.pk}}/change/").content.decode()
print(json.dumps(re.findall(r'<a href="(http[^"]+)"', page)))
"""
#: A deployment: HTTPS, and a key of its own.
DEPLOYED = {
    "MINIO_ENDPOINT": "https://s3.example.com",
    "MINIO_ACCESS_KEY": "site",
    "MINIO_SECRET_KEY": "t7Pm2Zq9vXw4Lk8sRb3N",
}


def test_the_tutorial_s_upload_is_private_and_public(
    project: Project, fetch: Callable[..., object]
) -> None:
    names = {f"DJANGO_SUPERUSER_{name}": value for name, value in _ADMIN.items()}
    project.manage("createsuperuser", "--noinput", **names)
    printed = project.run_python(UPLOAD)
    contract, picture = (
        link.replace("&amp;", "&") for link in json.loads(printed.splitlines()[-1])
    )
    assert "X-Amz-Signature=" in contract
    assert get(fetch, contract) == (200, b"signed here")
    assert get(fetch, contract.partition("?")[0])[0] == 403
    assert get(fetch, picture) == (200, b"a smile")
    assert "?" not in picture


_ADMIN = {"USERNAME": "admin", "EMAIL": "admin@example.com", "PASSWORD": PASSWORD}


def get(fetch: Callable[..., object], link: str) -> tuple[int, bytes]:
    response = fetch(link)
    return response.status, response.data  # type: ignore[attr-defined]


def test_the_tutorial_s_settings_pass_the_checks_for_deployment(project: Project) -> None:
    assert find_warnings(project, **DEPLOYED) == set()


def test_the_checks_for_deployment_are_asked(project: Project) -> None:
    known = {"MINIO_ACCESS_KEY": "minioadmin", "MINIO_SECRET_KEY": "minioadmin"}
    assert find_warnings(project, **DEPLOYED | known) == {"W006"}


def find_warnings(project: Project, **environment: str) -> set[str]:
    """Return the ids of this package's messages. Django has others for a new project."""
    printed = project.manage("check", "--deploy", "--fail-level=CRITICAL", **environment)
    return set(re.findall(r"\(django_minio_backend\.(\w\d+)\)", printed))


def test_the_readme_is_followed_from_an_empty_folder(
    tmp_path: Path, environment: dict[str, str], remove_buckets: Callable[..., None]
) -> None:
    remove_buckets(*BUCKETS)
    project = Project(tmp_path, environment)
    project.follow(README)
    project.manage("check", "--fail-level=WARNING")
    assert find_warnings(project, **DEPLOYED) == set()
