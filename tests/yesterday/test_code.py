"""Subclasses, views and scripts that were written against the old storages."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

import django_minio_backend
from django_minio_backend import MinioBackend, MinioBackendStatic, models, utils
from django_minio_backend.s3.health import MinioServerStatus
from tests.conftest import Buckets, Fetch
from tests.hostile import closed_port
from tests.projects import Site
from tests.yesterday.versions import V3, V4

SETTINGS = """
STORAGES = {
    "default": {
        "BACKEND": MINIO,
        "OPTIONS": {**SERVER, "MINIO_DEFAULT_BUCKET": media, "MINIO_PUBLIC_BUCKETS": [other]},
    },
    "staticfiles": {
        "BACKEND": STATIC, "OPTIONS": {**SERVER, "MINIO_STATIC_FILES_BUCKET": static},
    },
}
globals().update(SERVER)
MINIO_MEDIA_FILES_BUCKET, MINIO_STATIC_FILES_BUCKET = media, static
MINIO_PRIVATE_BUCKETS, MINIO_PUBLIC_BUCKETS = [media, static], [other]
"""
OPTIONS = SETTINGS.partition("globals()")[0]
LIST_NAMES = """
import io
import django_minio_backend
from django.core.files.storage import Storage
from django_minio_backend import models, utils
from django_minio_backend.models import MinioBackend, MinioBackendStatic, S3File
# Another version of Django may run here than in the test: its names are its own.
def public(thing):
    return [name for name in {*dir(thing)} - {*dir(Storage)} if not name.startswith("_")]
from django_minio_backend.utils import MinioServerStatus
MinioBackend().check_bucket_existence()
show({
    "package": [n for n in public(django_minio_backend) if n not in {"models", "apps", "utils"}],
    "models": [*models.__all__, "S3File"],
    "utils": utils.__all__,
    "MinioBackend": public(MinioBackend()),
    "MinioBackend class": public(MinioBackend),
    "MinioBackendStatic": public(MinioBackendStatic()),
    "S3File": public(S3File(io.BytesIO(), "x", None)),
    "MinioServerStatus": public(MinioServerStatus(None)),
})
"""


@pytest.mark.parametrize("version", [V3, V4])
def test_every_public_name_of_the_old_versions_is_there(
    site: Site, buckets: Buckets, version: str
) -> None:
    site.settings(SETTINGS)
    ours: dict[str, Any] = {
        "package": django_minio_backend,
        "models": models,
        "utils": utils,
        "MinioBackend": MinioBackend(),
        "MinioBackend class": MinioBackend,
        "MinioBackendStatic": MinioBackendStatic(**buckets.options),
        "S3File": models.S3File(io.BytesIO(), "x"),
        "MinioServerStatus": MinioServerStatus(None),  # type: ignore[arg-type]
    }
    theirs = site.shown(LIST_NAMES, version)
    assert len(theirs["MinioBackend"]) > 15
    lacking = {owner: sorted({*names} - {*dir(ours[owner])}) for owner, names in theirs.items()}
    assert not any(lacking.values()), json.dumps(lacking)


SUBCLASSES = """
import io, os
from django_minio_backend.models import MinioBackend, S3File
from config import media, other

class Positional(MinioBackend):
    def __init__(self, bucket_name=media, *args, **kwargs):
        super().__init__(bucket_name, args, kwargs)

class Attributes(MinioBackend):
    bucket_name = "class-attributes-say-nothing"
    replace_existing = True
    auto_create_bucket = True

class Skipping(MinioBackend):
    def __init__(self, *args, **kwargs):
        if os.environ.get("ENDPOINT"):
            return
        super().__init__(*args, **kwargs)

class Overriding(MinioBackend):
    def url(self, name):
        return super().url(name) + "#mine"
    def save(self, name, content, max_length=None):
        return super().save("mine/" + name, content, max_length)
    def exists(self, name):
        return super().exists(name)
    def listdir(self, bucket_name):
        return [bucket_name], []

class Elsewhere(MinioBackend):
    def __init__(self):
        super().__init__()
        self._BUCKET_NAME = other
        self._REPLACE_EXISTING = True

class Own(MinioBackend):
    def _save(self, name, content):
        data = content.read()
        self.client.put_object(
            bucket_name=self.bucket, object_name=name, data=io.BytesIO(data), length=len(data),
            content_type=self._guess_content_type(name, content),
        )
        return name
    def _open(self, name, mode="rb"):
        answer = self.client.get_object(bucket_name=self.bucket, object_name=name)
        return S3File(file=io.BytesIO(answer.read()), name=name, storage=self)
"""
USE = """
from shop import storages as own
def used(storage):
    storage.check_bucket_existence()
    name = storage.save("a.txt", ContentFile(b"content"))
    with storage.open(name) as file:
        assert file.read() == b"content"
        assert file.size == 7
    file = storage.open(name)
    file.close()
    assert file.open().read() == b"content"
    assert storage.exists(name) and storage.size(name) == 7
    assert storage.url(name).startswith("http")
    repr(storage), storage.deconstruct()
    return [storage.bucket, name.split(".")[0][:6]]
show([used(getattr(own, name)()) for name in NAMES])
"""


@pytest.mark.parametrize(
    ("version", "names"),
    [
        (V3, ["Positional", "Overriding"]),
        (V4, ["Attributes", "Overriding", "Elsewhere", "Own"]),
        ("", ["Positional", "Attributes", "Skipping", "Overriding", "Elsewhere", "Own"]),
    ],
)
def test_subclasses_work(site: Site, version: str, names: list[str]) -> None:
    site.settings(SETTINGS if version == V3 else OPTIONS)
    site.write("shop/storages", SUBCLASSES)
    expected = {
        "Overriding": [site.media, "mine/a"],
        "Elsewhere": [site.other, "a"],
    }
    used = site.shown(USE.replace("NAMES", repr(names)), version)
    got = dict(zip(names, used, strict=True))
    for name, (bucket, start) in got.items():
        assert [bucket, start.partition("_")[0]] == expected.get(name, [site.media, "a"]), name
    if not version:
        site.shown("""
        from shop import storages as own
        assert own.Overriding().listdir("x") == (["x"], [])
        assert own.Overriding().url("x").endswith("#mine")
        show([])
        """)


def test_a_subclass_that_skips_its_constructor_does_not_break_the_commands(site: Site) -> None:
    site.settings(OPTIONS.replace("MINIO,", '"shop.storages.Skipping",', 1))
    site.write("shop/storages", SUBCLASSES)
    site.manage("check")
    site.manage("initialize_buckets")
    site.deploy()
    site.manage("clean_orphaned_minio_files")


def test_views_read_the_state_of_a_server_that_is_down(buckets: Buckets) -> None:
    up = MinioBackend().is_minio_available()
    assert (up.status, repr(up)) == (200, "MinIO is available")
    with closed_port() as endpoint:
        down = MinioBackend(**{**buckets.options, "MINIO_ENDPOINT": endpoint}).is_minio_available()
    down.add_message("and so says the view")
    assert (bool(down), down.is_available, down.status) == (False, False, None)
    assert down.data == down.details
    assert down.details.endswith("\nand so says the view")
    assert repr(down) == "MinIO is NOT available"


@pytest.mark.parametrize(("status", "available"), [(403, True), (500, False)])
def test_tests_of_projects_make_a_status_of_their_own(status: int, available: bool) -> None:
    class Answer:
        def __init__(self) -> None:
            self.status = status

    made: Any = MinioServerStatus(Answer())  # type: ignore[arg-type]
    assert (bool(made), made.status) == (available, status)


NAMES = ["Jahr ö 50%.txt", "a+b (1).txt", "plain.txt", "what#now.txt", "100%25.txt"]
SAVE = """
public = storages.create_storage({"BACKEND": "django_minio_backend.models.MinioBackend"})
from django_minio_backend.models import MinioBackend
public, private = MinioBackend(bucket_name=__import__("config").other), MinioBackend()
links = []
for storage in (public, private):
    storage.check_bucket_existence()
    for name in NAMES:
        storage.save(f"docs/{name}", ContentFile(b"x"))
        links.append(storage.url(f"docs/{name}"))
show(links)
"""
CUT = """
from django_minio_backend.models import MinioBackend
public, private = MinioBackend(bucket_name=__import__("config").other), MinioBackend()
found = []
for storage, link in zip([public] * 4 + [private] * 5, LINKS):
    name = storage.name_from_url(link)
    found.append(name)
    assert storage.exists(name)
    storage.delete(name)
show(found)
"""


@pytest.mark.parametrize("version", [V4, ""])
def test_links_in_the_database_lead_back_to_their_names(site: Site, version: str) -> None:
    site.settings(OPTIONS)
    links = site.shown(SAVE.replace("NAMES", repr(NAMES)), version)
    # Version 4 did not encode public links, so that "100%25.txt" and "100%.txt" had the same one.
    kept = [*links[:4], *links[5:]]
    found = site.shown(CUT.replace("LINKS", repr(kept)))
    assert found == [f"docs/{name}" for name in [*NAMES[:4], *NAMES]]


def test_any_address_of_a_storage_leads_back_to_the_name(buckets: Buckets, fetch: Fetch) -> None:
    storage = MinioBackend(
        buckets.public,
        MINIO_LOCATION="below",
        MINIO_EXTERNAL_ENDPOINT="https://www.example.com/files",
        MINIO_PUBLIC_BASE_URL="https://cdn.example.com",
        MINIO_PUBLIC_BUCKETS=[buckets.public],
        MINIO_PRIVATE_BUCKETS=[],
    )
    key = "below/a%20b.txt"
    for link in (
        f"https://cdn.example.com/{key}",
        f"http://CDN.example.com:80/{key}",
        f"https://www.example.com/files/{buckets.public}/{key}?X-Amz-Signature=ab",
        f"{storage.options.endpoint.url}/{buckets.public}/{key}",
        storage.url("a b.txt", expires=60),
    ):
        assert storage.name_from_url(link) == "a b.txt"
    for link in (
        f"https://cdn.example.com/above/{key}",
        f"https://www.example.com/files/another/{key}",
        "https://cdn.example.com/below/",
        "https://elsewhere.example.com/below/a.txt?X-Amz-Signature=secret",
        "a.txt",
    ):
        with pytest.raises(ValueError, match=f"no link to a file of .*'{buckets.public}'") as error:
            storage.name_from_url(link)
        assert "secret" not in str(error.value)


def test_listing_a_bucket_as_version_3_did_is_told(buckets: Buckets) -> None:
    storage = MinioBackend()
    with pytest.warns(RuntimeWarning, match=r"Version 3 listed a bucket; now listdir\(''\)"):
        assert storage.listdir(buckets.private) == ([], [])
    assert storage.listdir("nothing", recursive=True) == ([], [])
