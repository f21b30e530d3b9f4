"""What Django's own storages do, and code that was written for them expects."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import urllib3
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage
from django.utils.encoding import filepath_to_uri

from django_minio_backend import MinioBackend, MinioBackendStatic
from tests.conftest import Buckets, Fetch, Recorder

MISUSE = ("open", "stat", "size", "get_modified_time")


def test_none_is_no_file_called_none(storage: MinioBackend, public_storage: MinioBackend) -> None:
    nothing: Any = None
    storage.save("None", ContentFile(b"somebody's"))
    for use in MISUSE:
        with pytest.raises(TypeError, match="not None"):
            getattr(storage, use)(nothing)
    for name in (None, ""):
        with pytest.raises(ValueError, match=r"The name must be given to delete\(\)"):
            storage.delete(name)  # type: ignore[arg-type]
    assert storage.open("None").read() == b"somebody's"
    base = f"{public_storage.base_url_external}/{public_storage.bucket}/"
    assert public_storage.url("") == public_storage.url(None) == base


def test_names_may_be_paths(storage: MinioBackend, fetch: Fetch) -> None:
    path: Any = PurePosixPath("docs/a.txt")
    assert storage.save(path, ContentFile(b"x")) == "docs/a.txt"
    replacing = MinioBackend(replace_existing=True)
    assert replacing.save(path, ContentFile(b"xy")) == "docs/a.txt"
    assert storage.exists(path)
    assert storage.size(path) == 2
    assert storage.listdir(path.parent) == ([], ["a.txt"])
    assert fetch(storage.url(path)).data == b"xy"
    with storage.open(path) as file, storage.open(PurePosixPath("b.txt"), "wb") as copy:  # type: ignore[arg-type]
        copy.write(file.read())
    storage.delete(path)
    assert not storage.exists(path)


def test_a_folder_is_no_file(storage: MinioBackend, recorder: Recorder) -> None:
    storage.save("docs/a.txt", ContentFile(b"x"))
    assert not MinioBackend(http_client=recorder).exists("docs/")
    assert not MinioBackend(http_client=recorder).exists("docs/a.txt/")
    assert recorder.requests == []


@pytest.mark.parametrize("name", ["../secret", "a\x00b", "a\ud800", "//etc/passwd"])
def test_a_row_of_a_refused_name_has_a_link_that_leads_nowhere(
    storage: MinioBackend, public_storage: MinioBackend, fetch: Fetch, name: str
) -> None:
    for one in (storage, public_storage):
        link = one.url(name)
        path = link.removeprefix(f"{one.base_url_external}/{one.bucket}/")
        assert "/" not in path
        assert "." not in path
        assert fetch(link).status in {400, 403, 404}


def test_refused_paths_are_told_in_djangos_words(storage: MinioBackend) -> None:
    with pytest.raises(
        SuspiciousFileOperation, match=r"Detected path traversal attempt in '\.\./x'"
    ):
        storage.open("../x")
    with pytest.raises(SuspiciousFileOperation, match="Could not derive file name from ''"):
        storage.open("")


def test_a_replaced_file_with_a_long_name_is_cut_and_replaced(storage: MinioBackend) -> None:
    replacing = MinioBackend(replace_existing=True)
    names = [f"docs/{'x' * 60}{end}.tar.txt" for end in "ab"]
    saved = [replacing.save(name, ContentFile(b"1"), max_length=40) for name in names]
    assert [len(name) for name in saved] == [40, 40]
    assert saved[0] != saved[1]
    assert all(name.startswith("docs/xxx") and name.endswith(".txt") for name in saved)
    assert replacing.save(names[0], ContentFile(b"22"), max_length=40) == saved[0]
    assert [storage.size(name) for name in saved] == [2, 1]
    with pytest.raises(SuspiciousFileOperation, match="can not find an available filename"):
        replacing.save(names[0], ContentFile(b"x"), max_length=9)


class Upload(File):  # type: ignore[type-arg]
    """As some packages have it: its chunks have the size that they have."""

    def chunks(self) -> Iterator[bytes]:  # type: ignore[override]
        yield b"con"
        yield b"tent"


def test_content_whose_chunks_take_no_size_is_saved(storage: MinioBackend) -> None:
    name = storage.save("a.txt", Upload(io.BytesIO(b"content"), "a.txt"))
    assert storage.open(name).read() == b"content"


ODD = "it's (1)! a*b~ö&c.txt"


def test_public_links_are_djangos(public_storage: MinioBackend, fetch: Fetch) -> None:
    public_storage.save(ODD, ContentFile(b"x"))
    base = f"{public_storage.base_url_external}/{public_storage.bucket}/"
    assert public_storage.url(ODD) == base + filepath_to_uri(ODD)
    assert fetch(public_storage.url(ODD)).data == b"x"
    assert public_storage.name_from_url(public_storage.url(ODD)) == ODD


def test_base_url_is_what_public_links_begin_with(
    storage: MinioBackend, public_storage: MinioBackend, buckets: Buckets
) -> None:
    below = MinioBackend(buckets.public, MINIO_LOCATION="a b")
    for one in (public_storage, below):
        assert one.url("x.txt") == one.base_url + "x.txt"
    assert not hasattr(storage, "base_url")
    with pytest.raises(AttributeError, match="is private: its links are signed"):
        _ = storage.base_url


def test_links_may_be_relative_to_the_sites_own_host(buckets: Buckets) -> None:
    for given in ("/media", "/media/"):
        own = MinioBackend(buckets.public, MINIO_PUBLIC_BASE_URL=given)
        assert own.url("a b.txt") == "/media/a%20b.txt"
        assert own.base_url == "/media/"
        assert own.name_from_url("/media/a%20b.txt") == "a b.txt"
        # Such a link needs a signature, which is for the server.
        assert own.url("a.txt", expires=60).startswith(own.base_url_external)


class Strict(MinioBackend):
    asked: list[str] = []

    def exists(self, name: str) -> bool:
        self.asked.append(name)
        return name == "reserved.txt" or super().exists(name)


class Reserving(MinioBackend):
    def is_name_available(self, name: str, max_length: int | None = None) -> bool:
        return name != "reserved.txt" and not self.exists(name)


class Naming(MinioBackend):
    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return super().get_available_name("named/" + name, max_length)


@pytest.mark.usefixtures("buckets")
def test_a_subclass_that_decides_which_names_are_taken_is_always_asked() -> None:
    for cls in (Strict, Reserving):
        storage = cls()
        for number in range(3):  # after the first save the server is known to refuse taken names
            storage.save(f"{cls.__name__}{number}.txt", ContentFile(b"x"))
        assert storage.s3.refuses_taken_names
        if cls is Strict or hasattr(FileSystemStorage, "is_name_available"):
            assert storage.save("reserved.txt", ContentFile(b"x")) != "reserved.txt"
    assert Strict.asked.count("Strict2.txt") == 1
    assert Naming().save("a.txt", ContentFile(b"x")) == "named/a.txt"
    assert Naming().save("a.txt", ContentFile(b"x")).startswith("named/a_")


class Tracing(urllib3.PoolManager):
    """A project's own client, which notes each request."""

    def __init__(self) -> None:
        super().__init__(retries=False)
        self.seen: list[str] = []

    def urlopen(self, method: str, url: str, redirect: bool = True, **kw: Any) -> Any:  # type: ignore[override]
        self.seen.append(f"{method} {url}")
        return super().urlopen(method, url, redirect, **kw)


def test_a_projects_own_client_sees_every_request(buckets: Buckets) -> None:
    with Tracing() as client:
        storage = MinioBackend(http_client=client)
        name = storage.save("a b/ö.txt", ContentFile(b"x"))
        assert storage.open(name).read() == b"x"
        storage.listdir("")
        storage.delete(name)
        assert [line.split()[0] for line in client.seen][-3:] == ["GET", "GET", "DELETE"]
        endpoint = storage.options.endpoint.url
        assert all(
            line.split()[1].startswith(f"{endpoint}/{buckets.private}") for line in client.seen
        )


def test_a_callable_for_headers_may_say_nothing(storage: MinioBackend) -> None:
    saying_nothing = MinioBackend(MINIO_OBJECT_HEADERS=lambda name: None)
    assert storage.exists(saying_nothing.save("a.txt", ContentFile(b"x")))


def test_options_may_be_in_lower_case(buckets: Buckets, settings: Any) -> None:
    lower = {name.lower(): value for name, value in buckets.options.items()}
    assert MinioBackend(**lower).bucket == buckets.private
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {**settings.STORAGES["default"], "OPTIONS": lower},
    }
    from django.core import checks
    from django.core.files.storage import storages

    buckets.change()
    assert storages["default"].exists("x") is False
    assert not [m for m in checks.run_checks() if m.level >= checks.ERROR]


def test_a_bucket_that_is_declared_nowhere_is_logged_once(
    buckets: Buckets, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        MinioBackend("declared-nowhere")
        MinioBackend("declared-nowhere")
    assert (
        caplog.text.count("no option declares the bucket 'declared-nowhere', so it is private") == 1
    )


def test_djangos_own_collectstatic_clears_subfolders_too(
    buckets: Buckets, settings: Any, tmp_path: Path
) -> None:
    from django.contrib.staticfiles.management.commands import collectstatic
    from django.core.management import call_command

    backend = "django_minio_backend.models.MinioBackendStatic"
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": backend, "OPTIONS": buckets.options},
    }
    (tmp_path / "new.css").write_text("new")
    settings.STATICFILES_DIRS = [tmp_path]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    static = MinioBackendStatic(**buckets.options)
    static.check_bucket_existence()
    for name in ("old.css", "css/old.css", "css/deep.er/old.css"):
        static.save(name, ContentFile(b"old"))
    call_command(collectstatic.Command(), clear=True, interactive=False, verbosity=0)
    assert {entry.key for page in static.s3.list_pages("") for entry in page.entries} == {"new.css"}
