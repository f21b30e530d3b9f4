"""Links to objects, public and signed: made here, never asked of the server."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping, Sequence

from django.utils.http import content_disposition_header

from django_minio_backend import parsing
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.names import quote_key
from django_minio_backend.options import Options
from django_minio_backend.signing import Credentials, Presigner, Signer

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
        path = f"/{self._bucket}/{quote_key(key)}"
        presigner = self._presigner(self._expiry if expires is None else self._seconds(expires))
        return f"{self._base}{path}?{presigner.query(method, path, parameters)}"

    def _presigner(self, expires: int) -> Presigner:
        window = min(self._expiry // 10 if self._window is None else self._window, expires // 10)
        now = int(time.time())
        since = now - now % window if window else now
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
