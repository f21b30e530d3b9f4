"""Whatever bytes and text come from outside, only the documented exceptions leave.

The readers of responses, names, Range headers, endpoints, policies and links. Heads of responses
are in tests/s3/test_headers.py.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from django.core.exceptions import SuspiciousFileOperation
from hypothesis import given
from hypothesis import strategies as st

from django_minio_backend import MinioBackend, errors, names
from django_minio_backend.buckets import policies
from django_minio_backend.config import parsers
from django_minio_backend.errors import ConfigurationError, Location
from django_minio_backend.ranges import Unsatisfiable, parse_range
from django_minio_backend.s3.headers import Headers
from django_minio_backend.s3.http import Response
from django_minio_backend.s3.responses import parse_document, read_page, read_stat
from django_minio_backend.shards import parse_shard
from django_minio_backend.storage.links import read_key
from django_minio_backend.storage.metadata import read_original

TEXT = st.text(max_size=60)
#: Text of the characters that matter to a parser of addresses, ranges and names.
ODD = st.text(alphabet="ab0189:/.-_=,?#%@[]{}*&;\\ \t\r\n\x00é\ud800", max_size=40)
WHERE = Location("default", "bucket", "a.txt")
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)
TAGS = ["ListBucketResult", "Contents", "Key", "Size", "IsTruncated", "UserMetadata", "x:Key"]


class Canned(Response):
    def __init__(self, data: bytes) -> None:
        super().__init__(200, Headers([]))
        self.data = data


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """Draw documents that look like listings, whole and broken."""
    parts = draw(st.lists(st.sampled_from(TAGS) | TEXT, max_size=12))
    text = "".join(f"<{part}>" if draw(st.booleans()) else f"</{part}>{part}" for part in parts)
    return f"<ListBucketResult>{text}</ListBucketResult>".encode("utf-8", "surrogatepass")


@given(documents() | st.binary(max_size=200))
def test_a_document_is_a_page_or_an_unexpected_answer(data: bytes) -> None:
    # `list_page` turns the last two into the first.
    with suppress(errors.UnexpectedAnswer, KeyError, ValueError):
        read_page(parse_document(Canned(data), WHERE, "ListBucketResult"))


@given(st.lists(st.tuples(st.sampled_from(["Content-Length", "ETag", "Last-Modified"]), ODD)))
def test_headers_are_an_object_or_a_value_error(fields: list[tuple[str, str]]) -> None:
    with suppress(KeyError, ValueError):
        read_stat("bucket", "a.txt", Headers(fields))


@given(ODD, ODD)
def test_metadata_of_others_is_no_original(size: str, encoding: str) -> None:
    fields = [("x-amz-meta-django-uncompressed-size", size), ("Content-Encoding", encoding)]
    read_original(Headers(fields))


@given(ODD | TEXT)
def test_a_name_is_clean_or_suspicious(name: str) -> None:
    try:
        key = names.make_key("folder", name)
    except SuspiciousFileOperation:
        return
    assert key.startswith("folder/")
    assert ".." not in key.split("/")
    assert names.make_key("folder", key.removeprefix("folder/")) == key
    names.quote_key(key).encode("ascii")


@given(ODD | TEXT, st.integers(0, 100))
def test_a_range_lies_within_the_content(header: str, size: int) -> None:
    try:
        found = parse_range(f"bytes={header}", size)
    except Unsatisfiable:
        return
    if found is not None:
        assert 0 <= found[0] < found[1] <= size


@given(ODD | TEXT, st.sampled_from([None, True, False]))
def test_an_endpoint_is_one_or_a_value_error(address: str, secure: bool | None) -> None:
    try:
        endpoint = parsers.parse_endpoint(address, secure, allow_path=True)
    except ValueError:
        return
    assert endpoint.host
    assert 0 < endpoint.port < 65536
    assert not set(endpoint.url) & set(" \t\r\n\x00")


@given(JSON)
def test_a_policy_has_a_fault_or_can_be_compared(policy: Any) -> None:
    if policies.find_fault(policy) == "":
        assert policies.is_same(policy, json.loads(json.dumps(policy)))
        policies.grants_anonymous(policy)
        policies.drop_anonymous(policy)


@given(ODD | TEXT)
def test_a_link_is_of_this_storage_or_a_value_error(link: str) -> None:
    storage = MinioBackend("some-bucket", MINIO_ENDPOINT="host:9000", **_KEYS)
    for url in (link, f"http://host:9000/some-bucket/{link}"):
        with suppress(ValueError):
            assert isinstance(storage.name_from_url(url), str)
    read_key(link)


_KEYS: dict[str, Any] = {"MINIO_ACCESS_KEY": "key", "MINIO_SECRET_KEY": "secret"}


@given(ODD | TEXT)
def test_a_share_is_one_or_a_value_error(text: str) -> None:
    try:
        shard = parse_shard(text)
    except ValueError:
        return
    assert 1 <= shard.number <= shard.count


@given(st.dictionaries(st.sampled_from(["MINIO_RETRIES", "MINIO_REGION", "MINIO_ENDPOINT"]), JSON))
def test_options_are_a_storage_or_a_configuration_error(options: dict[str, Any]) -> None:
    with suppress(ConfigurationError):
        MinioBackend("some-bucket", **{"MINIO_ENDPOINT": "host:9000", **_KEYS, **options})
