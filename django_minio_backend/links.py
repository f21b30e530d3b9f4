"""Links to objects, public and signed: made here, never asked of the server."""

from __future__ import annotations

import datetime
import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.core.cache import cache
from django.utils.http import content_disposition_header

from django_minio_backend import parsing
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.names import quote_key
from django_minio_backend.options import Options
from django_minio_backend.signing import Credentials, Presigner, Signer

logger = logging.getLogger(__name__)

_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})


class Links:
    """Makes the links of one bucket, for the address that browsers use."""

    def __init__(self, options: Options, credentials: Callable[[], Credentials]) -> None:
        endpoint = options.external_endpoint
        self._alias = options.alias
        self._bucket = options.bucket
        self._base = endpoint.url
        self._public_base = options.public_base_url or f"{endpoint.url}/{options.bucket}"
        self._host = endpoint.netloc
        self._expiry = int(options.url_expiry.total_seconds())
        self._window = options.url_stable_window
        self._credentials = credentials
        self._signer = Signer(options.region)
        # Of the moment that is being signed for: one tuple, so that threads never mix two.
        self._latest: tuple[int, int, Credentials | None, Presigner | None] = (0, 0, None, None)

    def public(self, key: str) -> str:
        """Return the link that works without a signature where the bucket is public."""
        return f"{self._public_base}/{quote_key(key)}"

    def private(self, key: str) -> str:
        """Return the signed link that `url(name)` gives."""
        return self.signed(key)

    def renew(self, key: str) -> None:
        """Hear that an object has changed."""

    def signed(
        self,
        key: str,
        *,
        method: str = "GET",
        expires: datetime.timedelta | float | None = None,
        parameters: Sequence[tuple[str, str]] = (),
    ) -> str:
        """Return a link that lets its holder `method` the object for `expires`, at most.

        Links are dated back to the start of a window of MINIO_URL_STABLE_WINDOW, or a tenth of
        `expires` where that is less: within it every process gives the same link, which browsers
        and CDNs can cache, with at least nine tenths of its life left.

        A path in the external endpoint is the proxy's, which takes it off before the server
        checks the signature, so it is not signed.
        """
        if method not in _METHODS:
            raise ValueError(
                f"method {method!r} cannot be signed: use {', '.join(sorted(_METHODS))}"
            )
        seconds = self._expiry if expires is None else self._seconds(expires)
        since = self._window_start(int(time.time()), seconds)
        return self._link(key, since, seconds, method, parameters)

    def _link(
        self,
        key: str,
        since: int,
        expires: int,
        method: str = "GET",
        parameters: Sequence[tuple[str, str]] = (),
    ) -> str:
        path = f"/{self._bucket}/{quote_key(key)}"
        query = self._presigner(since, expires).query(method, path, parameters)
        return f"{self._base}{path}?{query}"

    def _window_start(self, now: int, expires: int) -> int:
        window = min(self._expiry // 10 if self._window is None else self._window, expires // 10)
        return now - now % window if window else now

    def _presigner(self, since: int, expires: int) -> Presigner:
        credentials = self._credentials()
        known_since, known_expires, known_credentials, presigner = self._latest
        # The same object nearly always; comparing the secrets would cost more than signing.
        same = known_since == since and known_expires == expires
        if presigner is None or not same or known_credentials is not credentials:
            when = datetime.datetime.fromtimestamp(since, datetime.UTC)
            presigner = self._signer.presigner(credentials, when, expires, self._host)
            self._latest = (since, expires, credentials, presigner)
        return presigner

    def _seconds(self, expires: datetime.timedelta | float) -> int:
        try:
            given = expires
            if not isinstance(given, datetime.timedelta):
                given = datetime.timedelta(seconds=parsing.seconds(given))
            return int(parsing.expiry(given).total_seconds())
        except ValueError as error:
            raise ConfigurationError(f"Storage '{self._alias}': expires {error}.") from None


class CachedLinks(Links):
    """Links by way of Django's cache: the same for all its processes, another after a change.

    A link that a change through any of them made stale is not given out again, though it would
    still work: a browser may have cached what was there before. A cache that fails is done without.
    """

    def __init__(self, options: Options, credentials: Callable[[], Credentials]) -> None:
        super().__init__(options, credentials)
        self._prefix = options.url_cache_prefix
        self._timeout = options.url_cache_timeout or 0.8 * self._expiry

    def private(self, key: str) -> str:
        now = int(time.time())
        if (link := self._cached(key, now)) is None:
            since = self._window_start(now, self._expiry)
            link = self._link(key, since, self._expiry)
            self._keep(key, since, link)
        return link

    def renew(self, key: str) -> None:
        now = int(time.time())
        link = self._link(key, now, self._expiry)
        if link in (self._cached(key, now), self.signed(key)):
            now -= 1
            link = self._link(key, now, self._expiry)
        self._keep(key, now, link)

    def _cached(self, key: str, now: int) -> str | None:
        """Return the cached link while it has nine tenths of its life left."""
        since, link = 0, ""
        with _failure_logged():
            since, link = cache.get(self._cache_key(key)) or (0, "")
        return link if now - since <= self._expiry // 10 else None

    def _keep(self, key: str, since: int, link: str) -> None:
        with _failure_logged():
            cache.set(self._cache_key(key), (since, link), self._timeout)

    def _cache_key(self, key: str) -> str:
        name = f"{self._base}/{self._bucket}/{key}"
        return self._prefix + hashlib.sha256(name.encode()).hexdigest()


@contextmanager
def _failure_logged() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # Whatever a cache raises; its text may hold the cache's address and password.
        logger.warning("The URL cache failed: %s", type(error).__name__)


def links_for(options: Options, credentials: Callable[[], Credentials]) -> Links:
    """Return the links of a storage; public ones are always the same and need no cache."""
    cached = options.url_caching_enabled and not options.is_public
    return (CachedLinks if cached else Links)(options, credentials)


def answer_parameters(
    parameters: Mapping[str, str] | None,
    version_id: str | None,
    filename: str | None,
    inline: bool | None,
) -> list[tuple[str, str]]:
    """Return the query parameters that change what the server answers a GET with.

    `filename` is the name that browsers save under (RFC 6266, RFC 8187); with `inline` they show
    the content instead of saving it.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """
    found = dict(parameters or {})
    if version_id is not None:
        found["versionId"] = version_id
    if filename is not None or inline is not None:
        disposition = content_disposition_header(not inline, filename or "") or "inline"
        found["response-content-disposition"] = disposition
    return list(found.items())
