from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3
from django.core.cache import cache
from django.core.files.base import ContentFile
from minio.commonconfig import ENABLED
from minio.versioningconfig import SUSPENDED, VersioningConfig

from django_minio_backend import MinioBackend
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.s3 import transport
from django_minio_backend.s3.signing import Credentials
from django_minio_backend.storage.links import PresignedPost
from tests.conftest import Buckets, Fetch, Recorder
from tests.proxy import prefix_proxy
from tools.minio_server import Server

HOUR = datetime.timedelta(hours=1)


def test_a_private_object_is_only_for_who_holds_the_link(
    storage: MinioBackend, fetch: Fetch
) -> None:
    storage.save("a.txt", ContentFile(b"private"))
    link = storage.url("a.txt")
    assert fetch(link).data == b"private"
    assert fetch(link.partition("?")[0]).status == 403
    assert fetch(link.replace("a.txt", "b.txt")).status == 403
    assert fetch(link, "DELETE").status == 403
    assert fetch(link[:-1] + ("0" if link[-1] != "0" else "1")).status == 403


def test_a_public_link_has_no_signature(public_storage: MinioBackend, fetch: Fetch) -> None:
    public_storage.save("a b.txt", ContentFile(b"public"))
    link = public_storage.url("a b.txt")
    assert link == f"{public_storage.base_url}a%20b.txt"
    assert fetch(link).data == b"public"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set the time that links are made at."""
    return lambda now: monkeypatch.setattr(
        "django_minio_backend.storage.links.time.time", lambda: now
    )


def signed_at(link: str) -> float:
    date = parse_qs(urlsplit(link).query)["X-Amz-Date"][0]
    return datetime.datetime.strptime(f"{date}+0000", "%Y%m%dT%H%M%SZ%z").timestamp()


def lifetime(link: str) -> int:
    return int(parse_qs(urlsplit(link).query)["X-Amz-Expires"][0])


def test_a_link_dies_when_its_time_is_over(
    buckets: Buckets, fetch: Fetch, clock: Callable[[float], None]
) -> None:
    storage = MinioBackend(MINIO_URL_EXPIRY_HOURS=HOUR)
    storage.save("a.txt", ContentFile(b"x"))
    assert lifetime(storage.url("a.txt")) == 3600
    clock(time.time() - 3600 - 5)
    assert fetch(storage.url("a.txt")).status == 403


@pytest.mark.parametrize(
    ("window", "expires", "expected"), [(None, None, 360), (60, None, 60), (None, 100, 10)]
)
def test_a_link_is_stable_within_its_window_and_keeps_nine_tenths_of_its_life(
    clock: Callable[[float], None], window: int | None, expires: float | None, expected: int
) -> None:
    options: dict[str, Any] = {
        "MINIO_URL_EXPIRY_HOURS": HOUR,
        "MINIO_URL_STABLE_WINDOW": window,
    }
    one, other = MinioBackend(**options), MinioBackend(**options)
    start = 1_800_000_000 // expected * expected
    links = set()
    for now in (start, start + 0.5, start + expected - 0.01):
        clock(now)
        link = one.url("a.txt", expires=expires)
        assert link == other.url("a.txt", expires=expires)
        life_left = signed_at(link) + lifetime(link) - now
        assert 0.9 * lifetime(link) <= life_left <= lifetime(link)
        links.add(link)
    assert len(links) == 1
    clock(start + expected)
    assert one.url("a.txt", expires=expires) not in links


def test_without_a_window_every_second_has_its_link(clock: Callable[[float], None]) -> None:
    storage = MinioBackend(MINIO_URL_STABLE_WINDOW=0)
    clock(1_800_000_000)
    first = storage.url("a.txt")
    clock(1_800_000_001)
    assert storage.url("a.txt") != first
    assert signed_at(first) == 1_800_000_000


def test_rotating_credentials_sign_with_what_is_valid_now() -> None:
    class Rotating:
        turn = 0

        def retrieve(self) -> Credentials:
            self.turn += 1
            return Credentials(f"key-{self.turn}", "secret")

    storage = MinioBackend(MINIO_CREDENTIALS=Rotating())
    assert "Credential=key-1%2F" in storage.url("a.txt")
    assert "Credential=key-2%2F" in storage.url("a.txt")


def test_a_link_can_name_the_file_it_is_saved_as(storage: MinioBackend, fetch: Fetch) -> None:
    storage.save("a.txt", ContentFile(b"x"))

    def disposition(**asked: Any) -> str:
        answer = fetch(storage.url("a.txt", **asked))
        assert answer.status == 200
        return answer.headers["Content-Disposition"]

    assert disposition(filename="b c.txt") == 'attachment; filename="b c.txt"'
    assert disposition(filename="größe.txt") == "attachment; filename*=utf-8''gr%C3%B6%C3%9Fe.txt"
    assert disposition(filename="b.txt", inline=True) == 'inline; filename="b.txt"'
    assert disposition(inline=True) == "inline"
    assert disposition(inline=False) == "attachment"


def test_a_link_can_change_other_headers_of_the_answer(
    storage: MinioBackend, public_storage: MinioBackend, fetch: Fetch
) -> None:
    for each in (storage, public_storage):
        each.save("a.txt", ContentFile(b"x"))
        link = each.url("a.txt", {"response-cache-control": "max-age=7"})
        assert fetch(link).headers["Cache-Control"] == "max-age=7"
        assert fetch(link.replace("max-age%3D7", "max-age%3D8")).status == 403


def test_a_link_can_be_for_another_method(storage: MinioBackend, fetch: Fetch) -> None:
    link = storage.url("new.txt", method="PUT", expires=60)
    assert fetch(link).status == 403
    assert fetch(link, "PUT", body=b"by link").status == 200
    assert storage.open("new.txt").read() == b"by link"
    with pytest.raises(ValueError, match="method 'PATCH' cannot be signed"):
        storage.url("new.txt", method="PATCH")


def test_a_link_can_be_for_a_version(storage: MinioBackend, fetch: Fetch) -> None:
    versioning = VersioningConfig(ENABLED)
    storage.client.set_bucket_versioning(bucket_name=storage.bucket, config=versioning)
    storage.save("a.txt", ContentFile(b"one"))
    version = storage.stat("a.txt").version_id
    MinioBackend(replace_existing=True).save("a.txt", ContentFile(b"two"))
    assert fetch(storage.url("a.txt")).data == b"two"
    assert fetch(storage.url("a.txt", version_id=version)).data == b"one"
    storage.client.set_bucket_versioning(
        bucket_name=storage.bucket, config=VersioningConfig(SUSPENDED)
    )


@pytest.mark.parametrize("expires", [0, -1, 8 * 86400, datetime.timedelta(days=8), "soon"])
def test_an_impossible_expiry_is_refused(expires: Any) -> None:
    with pytest.raises(ConfigurationError, match="Storage 'default': expires must be"):
        MinioBackend().url("a.txt", expires=expires)


def test_public_links_may_have_an_address_of_their_own(buckets: Buckets) -> None:
    storage = MinioBackend(buckets.public, MINIO_PUBLIC_BASE_URL="https://cdn.example.com/m/")
    assert storage.url("a b.txt") == "https://cdn.example.com/m/a%20b.txt"
    assert storage.url("a.txt", expires=60).startswith(storage.base_url_external)
    private = MinioBackend(MINIO_PUBLIC_BASE_URL="https://cdn.example.com")
    assert private.url("a.txt").startswith(private.base_url_external)


def test_links_are_for_the_external_endpoint(buckets: Buckets, recorder: Recorder) -> None:
    storage = MinioBackend(
        MINIO_EXTERNAL_ENDPOINT="files.example.com",
        MINIO_EXTERNAL_ENDPOINT_USE_HTTPS=True,
        http_client=recorder,
    )
    assert storage.url("a.txt").startswith(f"https://files.example.com/{storage.bucket}/a.txt?")
    assert recorder.requests == []


def test_a_proxy_may_serve_the_server_below_a_path(
    buckets: Buckets, server: Server, fetch: Fetch
) -> None:
    with prefix_proxy(server.endpoint, "/files") as endpoint:
        for bucket in (buckets.private, buckets.public):
            storage = MinioBackend(bucket, MINIO_EXTERNAL_ENDPOINT=f"http://{endpoint}/files/")
            storage.save("a b/ü.txt", ContentFile(b"through the proxy"))
            link = storage.url("a b/ü.txt")
            assert link.startswith(f"http://{endpoint}/files/{bucket}/a%20b/%C3%BC.txt")
            assert fetch(link).data == b"through the proxy"
        assert fetch(link.replace("/files", "")).status == 404


def test_links_need_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport.Transport, "send", pytest.fail)
    assert "X-Amz-Signature=" in MinioBackend().url("a.txt")
    assert "no-server-listens-here" not in MinioBackend().url("a.txt")


@pytest.fixture
def caching(buckets: Buckets) -> Iterator[MinioBackend]:
    cache.clear()
    yield MinioBackend(MINIO_URL_CACHING_ENABLED=True, replace_existing=True)
    cache.clear()


def test_a_cached_link_is_the_same_for_all_and_works(caching: MinioBackend, fetch: Fetch) -> None:
    caching.save("a.txt", ContentFile(b"x"))
    link = caching.url("a.txt")
    assert MinioBackend(MINIO_URL_CACHING_ENABLED=True).url("a.txt") == link
    assert fetch(link).data == b"x"


def test_a_change_gives_a_new_link_at_once_to_all(caching: MinioBackend, fetch: Fetch) -> None:
    other = MinioBackend(MINIO_URL_CACHING_ENABLED=True)
    links = [caching.url("a.txt")]

    def changed(change: Callable[[], object]) -> None:
        change()
        links.append(caching.url("a.txt"))
        assert other.url("a.txt") == links[-1] != links[-2]

    def write() -> None:
        with caching.open("a.txt", "wb") as file:
            file.write(b"three")

    changed(lambda: caching.save("a.txt", ContentFile(b"one")))
    changed(lambda: caching.save("a.txt", ContentFile(b"two")))
    changed(write)
    assert fetch(links[-1]).data == b"three"
    changed(lambda: caching.delete("a.txt"))


def test_a_cached_link_keeps_nine_tenths_of_its_life(
    caching: MinioBackend, clock: Callable[[float], None]
) -> None:
    start = 1_800_000_000
    for after in range(0, 8 * 86400, 7001):
        clock(start + after)
        link = caching.url("a.txt")
        life_left = signed_at(link) + lifetime(link) - (start + after)
        assert 0.9 * lifetime(link) <= life_left <= lifetime(link)


def test_a_cached_link_from_a_clock_that_was_ahead_is_not_given_out(
    caching: MinioBackend, clock: Callable[[float], None]
) -> None:
    now = 1_800_000_000
    clock(now + 8 * 86400)
    ahead = caching.url("a.txt")
    clock(now)
    link = caching.url("a.txt")
    assert signed_at(link) <= now < signed_at(ahead)
    # The clocks of processes differ a little, and they share their links.
    clock(now - 60)
    assert caching.url("a.txt") == link


def test_the_caches_options_are_heeded(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []
    monkeypatch.setattr("django_minio_backend.storage.links.cache.set", lambda *a: kept.append(a))
    options: dict[str, Any] = {"MINIO_URL_CACHING_ENABLED": True, "MINIO_URL_EXPIRY_HOURS": HOUR}
    MinioBackend(**options).url("a.txt")
    MinioBackend(**options, MINIO_URL_CACHE_TIMEOUT=60, MINIO_URL_CACHE_PREFIX="p_").url("a.txt")
    MinioBackend(buckets.public, **options).url("a.txt")
    [(first_key, _, default), (second_key, _, timeout)] = kept
    assert (default, timeout) == (0.8 * 3600, 60)
    assert first_key.startswith("minio_url_")
    assert second_key.startswith("p_")


def test_a_broken_cache_breaks_no_link(
    caching: MinioBackend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*arguments: object) -> None:
        raise ConnectionError("redis://:password@cache is down")

    monkeypatch.setattr("django_minio_backend.storage.links.cache.get", broken)
    monkeypatch.setattr("django_minio_backend.storage.links.cache.set", broken)
    caching.save("a.txt", ContentFile(b"x"))
    assert caching.url("a.txt") == MinioBackend().url("a.txt")
    assert "The URL cache failed: ConnectionError" in caplog.text
    assert "password" not in caplog.text


def test_a_link_through_the_cache_asks_the_server_nothing(
    buckets: Buckets, recorder: Recorder
) -> None:
    storage = MinioBackend(MINIO_URL_CACHING_ENABLED=True, http_client=recorder)
    storage.url("a.txt")
    storage.url("a.txt")
    assert recorder.requests == []


Restricted = Callable[[list[dict[str, Any]]], dict[str, str]]


@pytest.fixture
def put_only(buckets: Buckets, restricted: Restricted) -> MinioBackend:
    """A storage whose key may save files and nothing else."""
    rights = {"Effect": "Allow", "Action": "s3:PutObject"}
    return MinioBackend(**restricted([{**rights, "Resource": f"arn:aws:s3:::{buckets.private}/*"}]))


def test_a_put_link_takes_the_type_and_the_size_that_it_was_made_for(
    put_only: MinioBackend, storage: MinioBackend, fetch: Fetch
) -> None:
    link = put_only.url("a.txt", method="PUT", content_type="text/plain", size=7, expires=60)
    assert put_only.url("a.txt", method="PUT", expires=60) != link
    for headers, body in (
        ({"Content-Type": "text/html"}, b"content"),
        ({"Content-Type": "text/plain"}, b"content and more"),
        ({}, b"content"),
    ):
        assert fetch(link, "PUT", headers=headers, body=body).status in {400, 403}
    plain = {"Content-Type": "text/plain"}
    assert fetch(link, "PUT", headers=plain, body=b"content").status == 200
    assert storage.stat("a.txt").content_type == "text/plain"


def test_a_put_only_key_keeps_others_files_from_being_copied(
    put_only: MinioBackend, storage: MinioBackend, fetch: Fetch
) -> None:
    storage.save("secret.txt", ContentFile(b"secret"))
    source = {"x-amz-copy-source": f"/{storage.bucket}/secret.txt"}
    assert fetch(put_only.url("copy.txt", method="PUT"), "PUT", headers=source).status == 403
    assert not storage.exists("copy.txt")
    # With a key that may read it works, and no link can forbid it: the documentation says so.
    assert fetch(storage.url("copy.txt", method="PUT"), "PUT", headers=source).status == 200


def test_type_and_size_are_for_put_links(storage: MinioBackend) -> None:
    with pytest.raises(ValueError, match="are for a link with method='PUT', not 'GET'"):
        storage.url("a.txt", size=1)


def send(post: PresignedPost, content: bytes, **changed: str) -> int:
    fields: Any = {**post.fields, **changed, "file": ("name.txt", content)}
    with urllib3.PoolManager() as browser:
        return browser.request("POST", post.url, fields=fields).status


def test_a_form_takes_one_name_one_type_and_a_range_of_sizes(
    put_only: MinioBackend, storage: MinioBackend
) -> None:
    post = put_only.presigned_post("docs/a.pdf", max_size=10, min_size=2, expires=60)
    assert "Signature" not in repr(post)
    assert send(post, b"x" * 11) == 400
    assert send(post, b"x") == 400
    assert send(post, b"x" * 5, key="docs/b.pdf") == 403
    assert send(post, b"x" * 5, **{"Content-Type": "text/html"}) == 403
    assert not storage.exists("docs/a.pdf")
    assert send(post, b"x" * 10) == 204
    assert storage.stat("docs/a.pdf").content_type == "application/pdf"
    assert storage.size("docs/a.pdf") == 10
    named = put_only.presigned_post("b", max_size=10, content_type="image/png")
    assert send(named, b"x") == 204
    for most, least in ((-1, 0), (1, 2), (2**43, 0)):
        with pytest.raises(ValueError, match="max_size"):
            put_only.presigned_post("a", max_size=most, min_size=least)


class Rotating:
    """A provider whose credentials end, and are others when they are asked for anew."""

    def __init__(self, key: str, secret: str) -> None:
        self.given = SimpleNamespace(
            access_key=key, secret_key=secret, session_token=None, expiration=None
        )

    def end_in(self, **span: float) -> None:
        now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        self.given.expiration = now + datetime.timedelta(**span)

    def retrieve(self) -> Any:
        return self.given


@pytest.fixture
def rotating(buckets: Buckets) -> Rotating:
    return Rotating(buckets.options["MINIO_ACCESS_KEY"], buckets.options["MINIO_SECRET_KEY"])


def seconds(link: str) -> int:
    return int(link.partition("X-Amz-Expires=")[2].partition("&")[0])


def test_a_link_promises_no_more_than_its_credentials(rotating: Rotating, buckets: Buckets) -> None:
    storage = MinioBackend(MINIO_CREDENTIALS=rotating)
    assert seconds(storage.url("a.txt")) == 7 * 86400
    rotating.end_in(hours=1)
    window = 7 * 86400 // 10
    assert 0 < seconds(storage.url("a.txt")) <= window + 3600
    assert seconds(storage.url("a.txt", expires=60)) == 60
    rotating.end_in(seconds=30)
    assert seconds(storage.url("a.txt", expires=60)) <= 36
    post = storage.presigned_post("a.txt", max_size=1)
    assert post.fields["policy"]


def test_a_cached_link_is_of_the_credentials_that_there_are(
    rotating: Rotating, buckets: Buckets, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    storage = MinioBackend(MINIO_CREDENTIALS=rotating, MINIO_URL_CACHING_ENABLED=True)
    storage.save("a.txt", ContentFile(b"x"))
    link = storage.url("a.txt")
    assert storage.url("a.txt") == link
    kept = rotating.given
    rotating.given = SimpleNamespace(
        access_key="another", secret_key="s", session_token="t", expiration=None
    )
    assert "another" in storage.url("a.txt")
    rotating.given = kept
    assert storage.url("a.txt") == link
    rotating.end_in(seconds=20)
    storage.delete("a.txt")
    timeouts: list[float] = []
    fake = SimpleNamespace(
        get=lambda key: None, set=lambda key, value, timeout: timeouts.append(timeout)
    )
    monkeypatch.setattr("django_minio_backend.storage.links.cache", fake)
    storage.url("b.txt")
    assert 0 < timeouts[0] <= 20


def test_the_names_of_django_storages_are_understood(storage: MinioBackend, fetch: Fetch) -> None:
    storage.save("a.txt", ContentFile(b"x"))
    parameters = {"ResponseContentDisposition": "attachment", "ResponseContentType": "text/csv"}
    answer = fetch(storage.url("a.txt", parameters=parameters, expire=60))
    assert answer.headers["Content-Disposition"] == "attachment"
    assert answer.headers["Content-Type"] == "text/csv"
    link = storage.url("b.txt", http_method="PUT", expire=60)
    assert "X-Amz-Expires=60" in link
    assert fetch(link, "PUT", body=b"x").status == 200
    assert storage.bucket_name == storage.bucket
