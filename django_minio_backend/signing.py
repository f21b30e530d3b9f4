"""AWS Signature Version 4 for S3, for requests and for links: pure functions of their arguments.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
#: In place of a payload's digest: it comes in chunks, each with a signature of its own.
SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"

Query = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Credentials:
    """What a request is signed with. The secret parts stay out of `repr`."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


class Signer:
    """Signs for one region, deriving each day's key once per pair of credentials.

    Deriving the key takes four HMACs, signing with it one; a process that signs thousands of
    links a second notices.
    """

    def __init__(self, region: str) -> None:
        self.region = region
        self._derived: tuple[Credentials | None, str, bytes] = (None, "", b"")

    def headers(
        self,
        credentials: Credentials,
        when: datetime.datetime,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        payload_sha256: str,
    ) -> dict[str, str]:
        """Return `headers` with those that authorise the request at `when` (aware UTC).

        `path` is percent-encoded already and `query` by `encode_query`. `headers` must hold Host.
        """
        amz_date = when.strftime("%Y%m%dT%H%M%SZ")
        result = {**headers, "x-amz-date": amz_date, "x-amz-content-sha256": payload_sha256}
        if credentials.session_token:
            result["x-amz-security-token"] = credentials.session_token
        canonical = sorted((name.lower(), " ".join(text.split())) for name, text in result.items())
        signed = ";".join(name for name, _ in canonical)
        lines = "".join(f"{name}:{value}\n" for name, value in canonical)
        request = f"{method}\n{path}\n{query}\n{lines}\n{signed}\n{payload_sha256}"
        signature = self._sign(credentials, amz_date, request)
        result["Authorization"] = (
            f"{ALGORITHM} Credential={credentials.access_key}/{self._scope(amz_date)}, "
            f"SignedHeaders={signed}, Signature={signature}"
        )
        return result

    def chunk_signer(self, credentials: Credentials, signed: Mapping[str, str]) -> ChunkSigner:
        """Return what signs the chunks of the request whose headers `headers` has signed."""
        amz_date = signed["x-amz-date"]
        key = self._key(credentials, amz_date[:8])
        seed = signed["Authorization"].rpartition("=")[2]
        return ChunkSigner(key, f"{amz_date}\n{self._scope(amz_date)}", seed)

    def presigner(
        self, credentials: Credentials, when: datetime.datetime, expires: int, host: str
    ) -> Presigner:
        """Return what signs links that work on `host` from `when` for `expires` seconds."""
        amz_date = when.strftime("%Y%m%dT%H%M%SZ")
        scope = self._scope(amz_date)
        params = [
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", f"{credentials.access_key}/{scope}"),
            ("X-Amz-Date", amz_date),
            ("X-Amz-Expires", str(expires)),
            ("X-Amz-SignedHeaders", "host"),
        ]
        if credentials.session_token:
            params.append(("X-Amz-Security-Token", credentials.session_token))
        to_sign = f"{ALGORITHM}\n{amz_date}\n{scope}\n"
        return Presigner(params, self._key(credentials, amz_date[:8]), to_sign, host)

    def _scope(self, amz_date: str) -> str:
        return f"{amz_date[:8]}/{self.region}/s3/aws4_request"

    def _sign(self, credentials: Credentials, amz_date: str, request: str) -> str:
        # As the bytes that are sent: header values are Latin-1, all else is ASCII.
        digest = hashlib.sha256(request.encode("latin-1")).hexdigest()
        to_sign = f"{ALGORITHM}\n{amz_date}\n{self._scope(amz_date)}\n{digest}"
        return hmac.digest(self._key(credentials, amz_date[:8]), to_sign.encode(), "sha256").hex()

    def _key(self, credentials: Credentials, day: str) -> bytes:
        # One tuple, read and replaced whole, so that threads never see halves of two keys.
        known, known_day, key = self._derived
        if known != credentials or known_day != day:
            key = f"AWS4{credentials.secret_key}".encode()
            for part in (day, self.region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._derived = (credentials, day, key)
        return key


class ChunkSigner:
    """Signs the chunks of one request's payload in their order, each along with the one before."""

    def __init__(self, key: bytes, when_and_scope: str, seed: str) -> None:
        self._key = key
        self._start = f"{ALGORITHM}-PAYLOAD\n{when_and_scope}\n"
        self._seed = self._latest = seed

    def rewind(self) -> None:
        """Begin again with the first chunk."""
        self._latest = self._seed

    def sign(self, chunk: bytes) -> str:
        """Return the signature of the next chunk; the last one is empty."""
        digest = hashlib.sha256(chunk).hexdigest()
        to_sign = f"{self._start}{self._latest}\n{EMPTY_SHA256}\n{digest}"
        self._latest = hmac.digest(self._key, to_sign.encode(), "sha256").hex()
        return self._latest


class Presigner:
    """Signs any number of links of one moment; all that they share is made once."""

    def __init__(self, params: list[tuple[str, str]], key: bytes, to_sign: str, host: str) -> None:
        self._params = params
        self._query = encode_query(params)
        self._key = key
        self._to_sign = to_sign
        self._tail = f"\nhost:{host}\n\nhost\n{UNSIGNED_PAYLOAD}"

    def query(self, method: str, path: str, more: Query = ()) -> str:
        """Return the query that authorises `method` on `path`, which is percent-encoded already.

        `more` are parameters that the link carries besides; they are signed along.
        """
        query = encode_query([*self._params, *more]) if more else self._query
        request = f"{method}\n{path}\n{query}{self._tail}".encode()
        to_sign = self._to_sign + hashlib.sha256(request).hexdigest()
        signature = hmac.digest(self._key, to_sign.encode(), "sha256").hex()
        return f"{query}&X-Amz-Signature={signature}"


def encode_query(query: Query) -> str:
    """Return the query percent-encoded and sorted, as it is both signed and sent."""
    return "&".join(
        f"{name}={value}"
        for name, value in sorted((quote(n, safe="~"), quote(v, safe="~")) for n, v in query)
    )
