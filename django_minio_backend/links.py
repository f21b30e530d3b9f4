"""Links to objects, public and signed: made here, never asked of the server."""

from __future__ import annotations

from collections.abc import Callable

from django_minio_backend.names import quote_key
from django_minio_backend.options import Options
from django_minio_backend.signing import Credentials, Signer
from django_minio_backend.transport import utc_now


class Links:
    """Makes the links of one bucket, for the address that browsers use."""

    def __init__(self, options: Options, credentials: Callable[[], Credentials]) -> None:
        self._bucket = options.bucket
        self._endpoint = options.external_endpoint
        self._expires = int(options.url_expiry.total_seconds())
        self._credentials = credentials
        self._signer = Signer(options.region)

    def public(self, key: str) -> str:
        """Return the link that works without a signature where the bucket is public."""
        return f"{self._endpoint.url}{self._path(key)}"

    def signed(self, key: str) -> str:
        """Return a link that lets its holder GET the object until the configured expiry.

        A path in the external endpoint is the proxy's, which takes it off before the server
        checks the signature, so it is not signed.
        """
        path = self._path(key)
        query = self._signer.query(
            self._credentials(), utc_now(), self._expires, "GET", self._endpoint.netloc, path
        )
        return f"{self._endpoint.url}{path}?{query}"

    def _path(self, key: str) -> str:
        return f"/{self._bucket}/{quote_key(key)}"
