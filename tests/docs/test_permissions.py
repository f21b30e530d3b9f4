"""The policies that the documentation gives are enough, and no more."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend
from django_minio_backend.errors import AccessDenied
from tests.conftest import Buckets
from tests.docs.pages import DOCS, list_blocks

EXAMPLES = DOCS.parent / "examples" / "policies"
BLOCKS = list_blocks(DOCS / "how-to" / "permissions.md")
POLICIES = [block.text for block in BLOCKS if block.language == "json"]
Restricted = Callable[[list[dict[str, Any]]], dict[str, str]]


@pytest.fixture
def web(buckets: Buckets, restricted: Restricted) -> MinioBackend:
    """A storage with the keys of a web process."""
    return make_storage(0, buckets, restricted)


def make_storage(number: int, buckets: Buckets, restricted: Restricted) -> MinioBackend:
    statements = json.loads(POLICIES[number].replace("my-media", buckets.private))["Statement"]
    return MinioBackend(buckets.private, **restricted(statements))


def test_a_web_process_saves_reads_lists_and_deletes(web: MinioBackend) -> None:
    name = web.save("a/b.txt", ContentFile(b"content"))
    with web.open(name) as file:
        assert file.read() == b"content"
    assert not web.exists("nowhere")
    assert web.listdir("a") == ([], ["b.txt"])
    web.delete(name)
    assert not web.exists(name)


def test_a_web_process_sends_parts_and_gives_them_up(web: MinioBackend) -> None:
    def broken() -> Any:
        yield b"x" * 12 * 2**20
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError):
        web.save("large", broken())
    assert web.save("large", iter([b"x" * 12 * 2**20])) == "large"


def test_a_web_process_may_not_change_the_bucket(web: MinioBackend) -> None:
    with pytest.raises(AccessDenied, match="PutBucketPolicy"):
        web.set_bucket_policy(web.bucket, {"Version": "2012-10-17", "Statement": []})


def test_a_key_for_browser_uploads_may_only_save(buckets: Buckets, restricted: Restricted) -> None:
    uploads = make_storage(1, buckets, restricted)
    MinioBackend(buckets.private).save("secret.txt", ContentFile(b"secret"))
    with uploads.open("new.txt", "wb") as file:
        file.write(b"content")
    with pytest.raises(AccessDenied):
        uploads.open("secret.txt").read()
    with pytest.raises(AccessDenied):
        uploads.exists("secret.txt")


@pytest.mark.parametrize(("number", "name"), [(0, "web"), (1, "uploads")])
def test_the_page_shows_the_policies_of_the_examples(number: int, name: str) -> None:
    shown, kept = json.loads(POLICIES[number]), json.loads((EXAMPLES / f"{name}.json").read_text())
    for policy in (shown, kept):
        for statement in policy["Statement"]:
            statement["Action"].sort()
    assert shown == kept


def test_the_page_names_each_policy_of_the_examples() -> None:
    page = (DOCS / "how-to" / "permissions.md").read_text()
    assert {path.name for path in EXAMPLES.glob("*.json")} == set(
        re.findall(r"`(\w+\.json)`", page)
    )
