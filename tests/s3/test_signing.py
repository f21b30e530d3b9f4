"""Known answers from Amazon's own examples.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

import datetime

from django_minio_backend.s3.signing import (
    EMPTY_SHA256,
    SIGNED_CHUNKS,
    Credentials,
    Signer,
    encode_query,
)

CREDENTIALS = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
WHEN = datetime.datetime(2013, 5, 24, tzinfo=datetime.UTC)
HOST = "examplebucket.s3.amazonaws.com"


def test_a_ranged_get_is_signed_as_amazon_signs_it() -> None:
    headers = {"Host": HOST, "Range": "bytes=0-9"}
    signed = Signer("us-east-1").headers(
        CREDENTIALS, WHEN, "GET", "/test.txt", "", headers, EMPTY_SHA256
    )
    assert signed["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


def test_a_listing_is_signed_as_amazon_signs_it() -> None:
    signed = Signer("us-east-1").headers(
        CREDENTIALS,
        WHEN,
        "GET",
        "/",
        encode_query([("prefix", "J"), ("max-keys", "2")]),
        {"Host": HOST},
        EMPTY_SHA256,
    )
    assert signed["Authorization"].endswith(
        "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    )


def test_a_link_is_signed_as_amazon_signs_it() -> None:
    presigner = Signer("us-east-1").make_presigner(CREDENTIALS, WHEN, 86400, HOST)
    assert presigner.query("GET", "/test.txt").endswith(
        "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


def test_the_days_key_follows_day_and_credentials() -> None:
    signer = Signer("us-east-1")
    other = Credentials("AKIAIOSFODNN7EXAMPLE", "another")
    seen = set()
    for credentials in (CREDENTIALS, other, CREDENTIALS):
        for when in (WHEN, WHEN + datetime.timedelta(days=1)):
            seen.add(signer.make_presigner(credentials, when, 60, HOST).query("GET", "/x"))
    fresh = {
        Signer("us-east-1").make_presigner(credentials, when, 60, HOST).query("GET", "/x")
        for credentials in (CREDENTIALS, other)
        for when in (WHEN, WHEN + datetime.timedelta(days=1))
    }
    assert seen == fresh


def test_a_session_token_is_signed_along() -> None:
    token = Credentials("key", "secret", "token/+")
    query = Signer("r").make_presigner(token, WHEN, 60, "h").query("GET", "/")
    assert "X-Amz-Security-Token=token%2F%2B" in query
    signed = Signer("r").headers(token, WHEN, "GET", "/", "", {"Host": "h"}, EMPTY_SHA256)
    assert signed["x-amz-security-token"] == "token/+"
    assert "x-amz-security-token" in signed["Authorization"]


def test_secrets_stay_out_of_the_repr() -> None:
    assert repr(Credentials("key", "secret", "token")) == "Credentials(access_key='key')"


def test_queries_are_encoded_and_sorted() -> None:
    assert encode_query([("b", "ä +"), ("a~", "1/2")]) == "a~=1%2F2&b=%C3%A4%20%2B"


def test_chunks_are_signed_as_amazon_signs_them() -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html"""
    signer = Signer("us-east-1")
    headers = {
        "Host": "s3.amazonaws.com",
        "Content-Encoding": "aws-chunked",
        "Content-Length": "66824",
        "x-amz-decoded-content-length": "66560",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
    }
    path = "/examplebucket/chunkObject.txt"
    signed = signer.headers(CREDENTIALS, WHEN, "PUT", path, "", headers, SIGNED_CHUNKS)
    assert signed["Authorization"].endswith(
        "Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    )
    chunks = signer.make_chunk_signer(CREDENTIALS, signed)
    for _ in range(2):
        assert [chunks.sign(chunk) for chunk in (b"a" * 65536, b"a" * 1024, b"")] == [
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        ]
        chunks.rewind()
