"""AWS Signature Version 4 for S3, for requests and for links: pure functions of their arguments.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from django_minio_backend.redaction import Secret

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
#: The digest of a payload in chunks. Each chunk has its own signature.
SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"

# Blanks that a canonical header does not have: several, and those at the ends.
_BLANKS = re.compile(r"\s\s|:\s|[^\S\n]\n|\t")

Query = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Credentials:
    """The keys that sign a request. The secret parts stay out of `repr`."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    #: The time at which they expire: aware UTC, None if it is unknown.
    expiration: datetime.datetime | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # The token is among the headers of each request.
        if self.session_token is not None:
            object.__setattr__(self, "session_token", Secret(self.session_token))


class Signer:
    """Signs for one region. It derives each day's key once per pair of credentials.

    Deriving the key takes four HMACs, signing with it one. A process that signs thousands of links
    a second notices the difference.
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

        `path` and `query` are percent-encoded (see `encode_query`). `headers` must hold Host.
        """
        amz_date = when.strftime("%Y%m%dT%H%M%SZ")
        result = {**headers, "x-amz-date": amz_date, "x-amz-content-sha256": payload_sha256}
        if credentials.session_token:
            result["x-amz-security-token"] = credentials.session_token
        canonical = sorted([(name.lower(), text) for name, text in result.items()])
        signed = ";".join([name for name, _ in canonical])
        lines = "".join([f"{name}:{text}\n" for name, text in canonical])
        if _BLANKS.search(lines):
            lines = "".join([f"{name}:{' '.join(text.split())}\n" for name, text in canonical])
        request = f"{method}\n{path}\n{query}\n{lines}\n{signed}\n{payload_sha256}"
        signature = self._sign(credentials, amz_date, request)
        result["Authorization"] = (
            f"{ALGORITHM} Credential={credentials.access_key}/{self._scope(amz_date)}, "
            f"SignedHeaders={signed}, Signature={signature}"
        )
        return result

    def make_chunk_signer(self, credentials: Credentials, signed: Mapping[str, str]) -> ChunkSigner:
        """Return the signer of the chunks of a request whose headers are signed."""
        amz_date = signed["x-amz-date"]
        key = self._key(credentials, amz_date[:8])
        seed = signed["Authorization"].rpartition("=")[2]
        return ChunkSigner(key, f"{amz_date}\n{self._scope(amz_date)}", seed)

    def make_presigner(
        self, credentials: Credentials, when: datetime.datetime, expires: int, host: str
    ) -> Presigner:
        """Return a signer of links that work on `host` from `when` for `expires` seconds."""
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

    def make_post_fields(
        self,
        credentials: Credentials,
        when: datetime.datetime,
        until: datetime.datetime,
        fields: Mapping[str, str],
        conditions: Sequence[object],
    ) -> dict[str, str]:
        """Return the fields of a form that may POST one object until then (aware UTC).

        `fields` are sent as they are. `conditions` are further ones of S3's POST policy.

        https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
        """
        amz_date = when.strftime("%Y%m%dT%H%M%SZ")
        sent = {
            **fields,
            "x-amz-algorithm": ALGORITHM,
            "x-amz-credential": f"{credentials.access_key}/{self._scope(amz_date)}",
            "x-amz-date": amz_date,
        }
        if credentials.session_token:
            sent["x-amz-security-token"] = credentials.session_token
        document = {
            "expiration": until.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "conditions": [*({name: value} for name, value in sent.items()), *conditions],
        }
        policy = base64.b64encode(json.dumps(document).encode())
        key = self._key(credentials, amz_date[:8])
        sent.pop("bucket", None)
        signature = hmac.digest(key, policy, "sha256").hex()
        return {**sent, "policy": policy.decode(), "x-amz-signature": signature}

    def _scope(self, amz_date: str) -> str:
        return f"{amz_date[:8]}/{self.region}/s3/aws4_request"

    def _sign(self, credentials: Credentials, amz_date: str, request: str) -> str:
        # Sign the bytes that are sent: header values are Latin-1, all else is ASCII.
        digest = hashlib.sha256(request.encode("latin-1")).hexdigest()
        to_sign = f"{ALGORITHM}\n{amz_date}\n{self._scope(amz_date)}\n{digest}"
        return hmac.digest(self._key(credentials, amz_date[:8]), to_sign.encode(), "sha256").hex()

    def _key(self, credentials: Credentials, day: str) -> bytes:
        # One tuple, read and replaced as a whole, so that threads never mix two keys.
        known, known_day, key = self._derived
        if known != credentials or known_day != day:
            key = f"AWS4{credentials.secret_key}".encode()
            for part in (day, self.region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._derived = (credentials, day, key)
        return key


class ChunkSigner:
    """Signs the chunks of one payload in their order, each with the signature before it."""

    def __init__(self, key: bytes, when_and_scope: str, seed: str) -> None:
        self._key = key
        self._start = f"{ALGORITHM}-PAYLOAD\n{when_and_scope}\n"
        self._seed = self._latest = seed

    def rewind(self) -> None:
        """Start again with the first chunk."""
        self._latest = self._seed

    def sign(self, chunk: bytes) -> str:
        """Return the signature of the next chunk. The last chunk is empty."""
        digest = hashlib.sha256(chunk).hexdigest()
        to_sign = f"{self._start}{self._latest}\n{EMPTY_SHA256}\n{digest}"
        self._latest = hmac.digest(self._key, to_sign.encode(), "sha256").hex()
        return self._latest


class Presigner:
    """Signs any number of links of one moment. Their common parts are made once."""

    def __init__(self, params: list[tuple[str, str]], key: bytes, to_sign: str, host: str) -> None:
        self._params = params
        self._query = encode_query(params)
        self._key = key
        self._to_sign = to_sign
        self._host = host
        self._tail = f"\nhost:{host}\n\nhost\n{UNSIGNED_PAYLOAD}"

    def query(
        self, method: str, path: str, more: Query = (), headers: Mapping[str, str] | None = None
    ) -> str:
        """Return the query that authorises `method` on `path`, which is percent-encoded.

        `more` are further parameters of the link. `headers`, in lower case, must be sent with the
        request. Both are signed.
        """
        params, tail = self._params, self._tail
        if headers:
            canonical = sorted({**headers, "host": self._host}.items())
            names = ";".join(name for name, _ in canonical)
            params = [(n, names if n == "X-Amz-SignedHeaders" else value) for n, value in params]
            lines = "".join(f"{name}:{value}\n" for name, value in canonical)
            tail = f"\n{lines}\n{names}\n{UNSIGNED_PAYLOAD}"
        query = encode_query([*params, *more]) if more or headers else self._query
        request = f"{method}\n{path}\n{query}{tail}".encode()
        to_sign = self._to_sign + hashlib.sha256(request).hexdigest()
        signature = hmac.digest(self._key, to_sign.encode(), "sha256").hex()
        return f"{query}&X-Amz-Signature={signature}"


def encode_query(query: Query) -> str:
    """Return the query percent-encoded and sorted, as it is both signed and sent."""
    return "&".join(
        f"{name}={value}"
        for name, value in sorted((quote(n, safe="~"), quote(v, safe="~")) for n, v in query)
    )
