"""The demo's steps. Each does something as a project does it, or looks at it as a browser does."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable
from dataclasses import dataclass

import urllib3
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from django_minio_backend import MinioBackend, MinioBackendStatic
from examples.attachments.models import Attachment, PrivateAttachment, PublicAttachment
from examples.attachments.storages import get_private_storage, get_public_storage
from examples.demo.report import Failed, note, step

STORAGES: list[Callable[[], MinioBackend]] = [
    get_private_storage,
    get_public_storage,
    MinioBackendStatic,
]
STYLESHEET = "attachments/style.css"


@dataclass(frozen=True)
class Sample:
    """A saved file and the bytes that it was before."""

    attachment: Attachment
    content: bytes

    @property
    def url(self) -> str:
        return str(self.attachment.file.url)


@dataclass(frozen=True)
class Samples:
    private: Sample
    public: Sample


def prepare() -> None:
    step("Database", lambda: _command("migrate"), lambda _: "migrated: SQLite, temporary")
    step("Buckets", lambda: _command("initialize_buckets"), lambda _: _bucket_names())
    step("Static files", lambda: _command("collectstatic", interactive=False), _last_line)


def save_samples() -> Samples:
    """Save a file into each bucket through its model, and read it back."""

    def saved(name: str, model: type[Attachment], file_name: str) -> Sample:
        return step(name, lambda: _save(model(), file_name), _name_in_bucket)

    return Samples(
        saved("Private file", PrivateAttachment, "Jahresübersicht (Entwurf).txt"),
        saved("Public file", PublicAttachment, "Über uns.txt"),
    )


def fetch_links(samples: Samples) -> None:
    """Open each link as a browser does: with nothing but what the link holds."""
    private, public = samples.private, samples.public
    step("Signed link", lambda: _fetch(private.url, private.content))
    step("Unsigned", lambda: _refused(private.url.partition("?")[0]))
    step("Public link", lambda: _fetch(public.url, public.content))
    step("Static link", lambda: _fetch(_stylesheet_url(), _stylesheet()))


def fetch_page(url: str, samples: Samples) -> None:
    step("Site's page", lambda: _check_page(url, samples))


def fetch_ranges(url: str, samples: Samples) -> None:
    """Read a private file through the site's own view, in parts as a video player does."""
    step(
        "Range view",
        lambda: _check_ranges(f"{url}private/{samples.private.attachment.pk}", samples),
    )


def print_links(samples: Samples) -> None:
    note("Public file", samples.public.url)
    note("Static file", _stylesheet_url())
    # On a line of its own: such a long link is easier to copy from the margin.
    note("Private file", "the link works for an hour")
    print(samples.private.url)


def _command(name: str, **options: object) -> str:
    """Run a management command and return its output. Its error output is a failure's message."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(name, stdout=out, stderr=err, no_color=True, **options)
    except CommandError as error:
        raise Failed(next(iter(err.getvalue().splitlines()), str(error))) from error
    return out.getvalue()


def _bucket_names() -> str:
    return ", ".join(get_storage().bucket for get_storage in STORAGES)


def _last_line(output: str) -> str:
    return output.strip().splitlines()[-1]


def _save(attachment: Attachment, file_name: str) -> Sample:
    content = f"This is {file_name}.\n".encode() * 1000
    attachment.file = ContentFile(content, file_name)
    attachment.save()
    with attachment.file.open() as stored:
        if stored.read() != content:
            raise Failed(f"{attachment.file.name} was not read back as it was saved")
    return Sample(attachment, content)


def _name_in_bucket(sample: Sample) -> str:
    return f"{sample.attachment.file.name}: saved, read back the same"


def _get(url: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", url, retries=False, timeout=10)


def _fetch(url: str, content: bytes) -> str:
    response = _get(url)
    if response.status != 200:
        raise Failed(f"answered {response.status}, not 200: {url}")
    if response.data != content:
        raise Failed(f"gave other bytes than were saved: {url}")
    return "200, the same bytes"


def _refused(url: str) -> str:
    if (status := _get(url).status) != 403:
        raise Failed(f"answered {status}, not 403: {url}")
    return "403, as it must be"


def _stylesheet_url() -> str:
    return str(staticfiles_storage.url(STYLESHEET))


def _stylesheet() -> bytes:
    with staticfiles_storage.open(STYLESHEET) as stored:
        content: bytes = stored.read()
    return content


def _check_page(url: str, samples: Samples) -> str:
    """Compare the files behind the page's links with the saved files."""
    links = _links_on(url)
    expected = {
        _stylesheet_url(): _stylesheet(),
        samples.public.url: samples.public.content,
        samples.private.url: samples.private.content,
    }
    for link, content in expected.items():
        path = link.partition("?")[0]  # a link is signed anew for each page
        found = next((on_page for on_page in links if on_page.partition("?")[0] == path), None)
        if not found:
            raise Failed(f"does not link {path}")
        _fetch(found, content)
    return f"200, its {len(expected)} links to the buckets work"


def _check_ranges(url: str, samples: Samples) -> str:
    content = samples.private.content
    size = len(content)
    expected = {
        "bytes=0-9": (206, content[:10], f"bytes 0-9/{size}"),
        "bytes=-5": (206, content[-5:], f"bytes {size - 5}-{size - 1}/{size}"),
        "nonsense": (200, content, None),
        f"bytes={size}-": (416, b"", f"bytes */{size}"),
    }
    for asked, answer in expected.items():
        response = urllib3.request("GET", url, headers={"Range": asked}, retries=False, timeout=10)
        found = response.status, response.data, response.headers.get("Content-Range")
        if found != answer:
            raise Failed(f"answered {found[0]} {found[2]} to 'Range: {asked}'")
    return "206, just the bytes that were asked for"


def _links_on(url: str) -> list[str]:
    response = _get(url)
    if response.status != 200:
        raise Failed(f"answered {response.status}, not 200")
    return [html.unescape(link) for link in re.findall(r'href="([^"]+)"', response.data.decode())]
