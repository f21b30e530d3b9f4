"""Links to objects, public and signed. Making one needs no request."""

from __future__ import annotations

import datetime
import hashlib
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote

from django.core.cache import cache
from django.utils.http import content_disposition_header

from django_minio_backend.config import parsers
from django_minio_backend.config.options import Options
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.names import quote_key, quote_link, quote_odd
from django_minio_backend.s3.signing import Credentials, Presigner, Signer

logger = logging.getLogger(__name__)

# Seconds that a link may be dated ahead, as processes with several clocks do. S3 tolerates 900.
_TOLERATED_AHEAD = 300
_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})


@dataclass(frozen=True)
class PresignedPost:
    """A form for one upload. Send it to `url` with `fields`, and the file after them."""

    url: str
    fields: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class PartLinks:
    """Links by which a browser sends the parts of an upload.

    The link of part `n` (from 1) is `url`, "&partNumber=n&X-Amz-Signature=" and `signatures[n-1]`.
    A request must have `headers`, and exactly the size of its part.
    """

    url: str = field(repr=False)
    signatures: Sequence[str] = field(repr=False)
    headers: Mapping[str, str]


# A part's request has this header. It is without effect, unless somebody adds the header that makes
# a copy of another object: MinIO accepts that one unsigned. Then this one refuses every object.
_NO_COPY = {"x-amz-copy-source-if-match": "none"}


class Links:
    """Makes the links of one bucket, for the address that browsers use."""

    def __init__(self, options: Options, credentials: Callable[[], Credentials]) -> None:
        endpoint = options.external_endpoint
        self._alias = options.alias
        self._prefix_of_keys = options.prefix
        self._bases = (
            *([options.public_base_url] if options.public_base_url else []),
            f"{endpoint.url}/{options.bucket}",
            f"{options.endpoint.url}/{options.bucket}",
        )
        self._bucket = options.bucket
        self._base = endpoint.url
        self._public_base = options.public_base_url or f"{endpoint.url}/{options.bucket}"
        self._host = endpoint.netloc
        self._expiry = int(options.url_expiry.total_seconds())
        self._window = options.url_stable_window
        self._credentials = credentials
        self._signer = Signer(options.region)
        # The presigner of the last moment: one tuple, so that threads never mix two.
        self._latest: tuple[int, int, Credentials | None, Presigner | None] = (0, 0, None, None)

    def public(self, key: str) -> str:
        """Return the link without a signature, which works if the bucket is public."""
        return f"{self._public_base}/{quote_link(key)}"

    def make_dead(self, name: str) -> str:
        """Return a link for an invalid name. The server refuses it."""
        return f"{self._public_base}/{quote_odd(name)}"

    def find_name(self, url: str) -> str:
        """Return the name that a link of this bucket leads to.

        Raises ValueError for a link to another place.
        """
        for base in self._bases:
            if (path := _strip_base_path(base, url)) is not None:
                key = read_key(path)
                if key.startswith(self._prefix_of_keys) and key != self._prefix_of_keys:
                    return key[len(self._prefix_of_keys) :]
        raise ValueError(
            f"This is no link to a file of storage '{self._alias}', bucket '{self._bucket}': "
            f"{url.partition('?')[0]!r}. Its links begin with {' or '.join(self._bases)}."
        )

    def private(self, key: str) -> str:
        """Return the signed link of `url(name)`."""
        return self.signed(key)

    def renew(self, key: str) -> None:
        """Forget cached links of an object that has changed."""

    def signed(
        self,
        key: str,
        *,
        method: str = "GET",
        expires: datetime.timedelta | float | None = None,
        parameters: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Return a link that allows `method` on the object for up to `expires`.

        It ends earlier if its credentials do. A request by it must have `headers`.

        Links are dated back to the start of a window of MINIO_URL_STABLE_WINDOW, or of a tenth of
        `expires` if that is less. Within the window all processes give the same link, which
        browsers and CDNs can cache. At least nine tenths of its life are left.

        A proxy removes the path of the external endpoint before the server checks the signature, so
        the path is not signed.
        """
        if method not in _METHODS:
            raise ValueError(
                f"method {method!r} cannot be signed: use {', '.join(sorted(_METHODS))}"
            )
        seconds = self._expiry if expires is None else self._seconds(expires)
        since = self._window_start(int(time.time()), seconds)
        return self._link(key, since, seconds, method, parameters, headers)

    def _link(
        self,
        key: str,
        since: int,
        expires: int,
        method: str = "GET",
        parameters: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> str:
        path = f"/{self._bucket}/{quote_key(key)}"
        query = self._presigner(since, expires).query(method, path, parameters, headers)
        return f"{self._base}{path}?{query}"

    def _window_start(self, now: int, expires: int) -> int:
        window = min(self._expiry // 10 if self._window is None else self._window, expires // 10)
        return now - now % window if window else now

    def _presigner(self, since: int, expires: int) -> Presigner:
        credentials = self._credentials()
        if credentials.expiration is not None:
            expires = max(1, min(expires, int(credentials.expiration.timestamp()) - since))
        known_since, known_expires, known_credentials, presigner = self._latest
        # It is nearly always the same object. Comparing the secrets would cost more than signing.
        same = known_since == since and known_expires == expires
        if presigner is None or not same or known_credentials is not credentials:
            when = datetime.datetime.fromtimestamp(since, datetime.UTC)
            presigner = self._signer.make_presigner(credentials, when, expires, self._host)
            self._latest = (since, expires, credentials, presigner)
        return presigner

    def post(
        self,
        key: str,
        *,
        content_type: str | None,
        sizes: tuple[int, int],
        expires: datetime.timedelta | float | None,
    ) -> PresignedPost:
        """Return the address and the fields of a form that may POST one object."""
        credentials = self._credentials()
        now = datetime.datetime.now(datetime.UTC)
        seconds = self._expiry if expires is None else self._seconds(expires)
        until = now + datetime.timedelta(seconds=seconds)
        if credentials.expiration is not None:
            until = min(until, credentials.expiration)
        fields = {"bucket": self._bucket, "key": key}
        if content_type is not None:
            fields["Content-Type"] = content_type
        conditions = [["content-length-range", *sizes]]
        signed = self._signer.make_post_fields(credentials, now, until, fields, conditions)
        return PresignedPost(f"{self._base}/{self._bucket}", signed)

    def parts(
        self,
        key: str,
        upload_id: str,
        sizes: Sequence[int],
        expires: datetime.timedelta | float | None,
    ) -> PartLinks:
        """Return the links for the parts of an upload, which have these sizes in bytes."""
        seconds = self._expiry if expires is None else self._seconds(expires)
        presigner = self._presigner(int(time.time()), seconds)
        path = f"/{self._bucket}/{quote_key(key)}"
        rest, signatures = "", []
        for number, size in enumerate(sizes, 1):
            parameters = [("partNumber", str(number)), ("uploadId", upload_id)]
            headers = {**_NO_COPY, "content-length": str(size)}
            query = presigner.query("PUT", path, parameters, headers)
            rest, _, signature = query.rpartition("&X-Amz-Signature=")
            signatures.append(signature)
        rest = rest.replace(f"&partNumber={len(sizes)}&", "&")
        return PartLinks(f"{self._base}{path}?{rest}", signatures, _NO_COPY)

    def _seconds(self, expires: datetime.timedelta | float) -> int:
        try:
            life = expires
            if not isinstance(life, datetime.timedelta):
                life = datetime.timedelta(seconds=parsers.parse_seconds(life))
            return int(parsers.parse_expiry(life).total_seconds())
        except ValueError as error:
            raise ConfigurationError(f"Storage '{self._alias}': expires {error}.") from None


class CachedLinks(Links):
    """Links in Django's cache: the same for all processes, and new after a change.

    After a change the old link is not given out again, although it still works: a browser may have
    cached the old content. If the cache fails, links are made without it.
    """

    def __init__(self, options: Options, credentials: Callable[[], Credentials]) -> None:
        super().__init__(options, credentials)
        self._prefix = options.url_cache_prefix
        self._timeout = options.url_cache_seconds

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
        """Return the cached link while nine tenths of its life are left.

        Servers refuse a link that is dated ahead of their clock. A wrong clock may have made one.
        """
        since, link = 0, ""
        with _log_failure():
            since, link = cache.get(self._cache_key(key)) or (0, "")
        return link if -_TOLERATED_AHEAD <= now - since <= self._expiry // 10 else None

    def _keep(self, key: str, since: int, link: str) -> None:
        with _log_failure():
            expiration = self._credentials().expiration
            until_end = (
                self._timeout if expiration is None else expiration.timestamp() - time.time()
            )
            cache.set(self._cache_key(key), (since, link), max(1, min(self._timeout, until_end)))

    def _cache_key(self, key: str) -> str:
        # The key depends on the credentials: links of former credentials may not work any more.
        by = self._credentials()
        name = f"{self._base}/{self._bucket}/{key} {by.access_key} {by.session_token or ''}"
        return self._prefix + hashlib.sha256(name.encode()).hexdigest()


@contextmanager
def _log_failure() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # A cache may raise anything, and its text may hold the cache's address and password.
        logger.warning("The URL cache failed: %s", type(error).__name__)


def make_links(options: Options, credentials: Callable[[], Credentials]) -> Links:
    """Return the links of a storage. Public ones never change, and need no cache."""
    cached = options.url_caching_enabled and not options.is_public
    return (CachedLinks if cached else Links)(options, credentials)


def make_response_parameters(
    parameters: Mapping[str, str] | None,
    version_id: str | None,
    filename: str | None,
    inline: bool | None,
) -> list[tuple[str, str]]:
    """Return the query parameters that change the server's response to a GET.

    Browsers save under `filename` (RFC 6266, RFC 8187). With `inline` they show the content
    instead.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """
    query = {_name_as_s3(name): text for name, text in (parameters or {}).items()}
    if version_id is not None:
        query["versionId"] = version_id
    if filename is not None or inline is not None:
        disposition = content_disposition_header(not inline, filename or "") or "inline"
        query["response-content-disposition"] = disposition
    return list(query.items())


def _name_as_s3(name: str) -> str:
    """Return a parameter's name in a link: "response-content-type" for ResponseContentType."""
    if name == "VersionId":
        return "versionId"
    return re.sub("(?<=[a-z])(?=[A-Z])", "-", name).lower() if name[:8] == "Response" else name


def _strip_base_path(base: str, url: str) -> str | None:
    """Return the rest of a link after `base` and a slash, whatever its scheme. None: no match."""
    at, sought = (text.partition("://")[2] or text for text in (url, base))
    host, _, path = at.partition("/")
    own_host, _, own_path = sought.partition("/")
    if _read_host(host) != _read_host(own_host) or not path.startswith(f"{own_path}/".lstrip("/")):
        return None
    return path[len(f"{own_path}/".lstrip("/")) :]


def _read_host(host: str) -> str:
    """Return a host in lower case, without the ports of HTTP and HTTPS."""
    return host.lower().removesuffix(":80").removesuffix(":443")


def read_key(path: str) -> str:
    """Return the key that the end of a link stands for.

    The query is cut off. A path that is not percent-encoded is the key itself: version 4 did not
    encode public links.
    """
    before, mark, query = path.partition("?")
    if mark and _PARAMETERS.fullmatch(query):
        path = before
    return unquote(path) if _ENCODED.fullmatch(path) else path


_PARAMETERS = re.compile(r"[\w.~%+-]+=[^&]*(&[\w.~%+-]+(=[^&]*)?)*", re.ASCII)
# The characters of a path in RFC 3986. Each other byte is %XX.
_ENCODED = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")


def make_put_headers(method: str, content_type: str | None, size: int | None) -> dict[str, str]:
    """Return the headers that a PUT by a link must have. Raises ValueError for other methods."""
    headers = {}
    if content_type is not None:
        headers["content-type"] = content_type
    if size is not None:
        headers["content-length"] = str(size)
    if headers and method != "PUT":
        raise ValueError(f"content_type and size are for a link with method='PUT', not {method!r}")
    return headers
