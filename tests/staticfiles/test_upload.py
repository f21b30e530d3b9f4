from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from typing import Any

import brotli
import pytest
from django.core.files.base import ContentFile
from minio.sse import SseS3

from django_minio_backend import MinioBackend
from django_minio_backend.s3.client import MOST_DELETED
from django_minio_backend.staticfiles import upload
from tests.conftest import Buckets, Fetch
from tests.staticfiles.conftest import CSS, MANIFEST, PLAIN, Site


def test_cold_is_a_listing_and_a_request_a_file_and_warm_a_listing(site: Site) -> None:
    assert "3 static files copied" in site.collect()
    assert sorted(site.recorder.methods) == ["GET", "PUT", "PUT", "PUT"]
    assert "0 static files copied, 3 unmodified" in site.collect()
    assert site.recorder.methods == ["GET"]
    assert site.names() == {"css/site.css", "img/a.png", "js/app.mjs"}


def test_with_a_manifest_cold_is_two_more(site: Site) -> None:
    site.use(MANIFEST)
    assert "3 static files copied, 3 post-processed" in site.collect()
    assert sorted(site.recorder.methods) == ["GET"] + ["PUT"] * 8  # manifest, and its history
    assert "0 static files copied, 3 unmodified" in site.collect()
    assert site.recorder.methods == ["GET"]


def test_what_changed_is_stored_whatever_its_time_says(site: Site) -> None:
    site.collect()
    path = site.folder / "img" / "a.png"
    os.utime(path, (0, 0))
    assert "0 static files copied" in site.collect()
    path.write_bytes(b"not really a drawing")  # the same size
    os.utime(path, (0, 0))
    assert "1 static file copied, 2 unmodified" in site.collect()
    assert site.storage.open("img/a.png").read() == b"not really a drawing"


def test_a_page_gets_hashed_links_that_are_cached_for_ever(site: Site, fetch: Fetch) -> None:
    site.use(MANIFEST)
    site.collect()
    link = site.storage.url("css/site.css")
    assert site.storage.is_hashed(link)
    answer = fetch(link)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    picture = site.storage.url("img/a.png").rpartition("/")[2]
    assert f"../img/{picture}".encode() in answer.data
    plain = fetch(link.replace(link.rpartition("/")[2], "site.css"))
    assert plain.headers["Cache-Control"] == "public, max-age=60"


@pytest.mark.parametrize(("name", "unpack"), [("gzip", gzip.decompress), ("br", brotli.decompress)])
@pytest.mark.parametrize("backend", [PLAIN, MANIFEST])
def test_text_is_stored_compressed(
    site: Site, name: str, unpack: Callable[[bytes], bytes], backend: str, fetch: Fetch
) -> None:
    site.use(backend, MINIO_STATIC_COMPRESS=name)
    site.collect()
    answer = fetch(site.storage.url("js/app.mjs"), decode_content=False)
    assert answer.headers["Content-Encoding"] == name
    assert unpack(answer.data) == b"export default 1;\n" * 20
    assert "Content-Encoding" not in fetch(site.storage.url("img/a.png")).headers
    assert site.storage.open("css/site.css").read() == CSS.encode()
    assert site.storage.size("css/site.css") == len(CSS)
    assert "0 static files copied" in site.collect()
    assert site.recorder.methods == ["GET"]


def test_names_are_the_same_with_and_without_compression(site: Site) -> None:
    site.use(MANIFEST)
    site.collect()
    plain = site.storage.url("css/site.css")
    site.use(MANIFEST, MINIO_STATIC_COMPRESS="gzip")
    site.collect()
    assert site.storage.url("css/site.css") == plain


def test_where_etags_are_no_md5_the_object_is_asked(site: Site, monkeypatch: Any) -> None:
    site.use(PLAIN, sse=SseS3())
    site.collect()
    real = upload.list_entries

    def opaque(storage: Any) -> Any:
        import dataclasses

        return {
            name: dataclasses.replace(entry, etag="f" * 32) for name, entry in real(storage).items()
        }

    monkeypatch.setattr(upload, "list_entries", opaque)
    assert "0 static files copied, 3 unmodified" in site.collect()
    assert sorted(site.recorder.methods) == ["GET", "HEAD", "HEAD", "HEAD"]
    site.write("img/a.png", b"not really a drawing")
    assert "1 static file copied, 2 unmodified" in site.collect()


def test_large_files_are_sent_as_large_files_are(site: Site) -> None:
    site.write("film.bin", os.urandom(11 * 2**20))
    site.use(PLAIN, MINIO_MULTIPART_UPLOAD=True)
    assert "4 static files copied" in site.collect()
    assert "0 static files copied" in site.collect()
    assert site.recorder.methods == ["GET", "HEAD"]  # its ETag is one of parts


def test_only_what_is_below_the_location_is_looked_at(site: Site) -> None:
    other = MinioBackend(site.buckets.static)
    other.save("other/a.txt", ContentFile(b"x"))
    site.use(PLAIN, MINIO_LOCATION="site/v1")
    site.collect(clear=True)
    assert other.exists("other/a.txt")
    assert other.exists("site/v1/css/site.css")


def test_a_bulk_deletion_tells_what_it_could_not(
    buckets: Buckets, restricted: Callable[..., dict[str, str]]
) -> None:
    storage = MinioBackend()
    for name in ("a & b.txt", "c.txt"):
        storage.save(name, ContentFile(b"x"))
    limited = MinioBackend(
        **restricted(
            [{"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::*/a*"}]
        )
    )
    failed = limited.s3.delete_many(["a & b.txt", "c.txt", "a nowhere.txt"])
    assert set(failed) == {"c.txt"}
    assert failed["c.txt"].startswith("AccessDenied")
    assert not storage.exists("a & b.txt")
    assert MOST_DELETED == 1000
