from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Any

import pytest

from django_minio_backend import MinioBackend
from django_minio_backend.direct import client
from django_minio_backend.direct.files import SMALL, Receipt, make_pending_name
from django_minio_backend.direct.targets import Target
from tests.clips.models import Clip
from tests.conftest import Buckets
from tests.direct.conftest import Visitor, list_pending
from tests.storage.conftest import unfinished_uploads
from tools.minio_server import Server

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("size", [0, 5, SMALL, SMALL + 1, 2 * SMALL + 7])
def test_a_program_uploads_files_of_any_size(
    storage: MinioBackend, nobody: Visitor, size: int
) -> None:
    data = os.urandom(size)
    receipt = Receipt.from_token(nobody.upload(Target(), "a.bin", data))
    assert storage.open(make_pending_name(receipt.id)).read() == data


def test_an_upload_that_fails_leaves_nothing(
    storage: MinioBackend, nobody: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_TRIES", client._TRIES.new(total=0))

    def ask(view: str, data: Mapping[str, Any]) -> dict[str, Any]:
        answer = nobody.ask(view, data)
        if "signatures" in answer:
            answer["signatures"][1] = "0" * 64
        return answer

    content = io.BytesIO(os.urandom(SMALL + 1))
    with pytest.raises(OSError, match="refused the upload: HTTP 403"):
        client.send_file(ask, Target().to_token(""), content, "a.bin")
    assert unfinished_uploads(storage) == 0
    assert list_pending(storage) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", [5, SMALL + 1])
def test_another_server_will_do(
    other_server: Server, buckets: Buckets, visitor: Visitor, target: Target, size: int
) -> None:
    buckets.change(**other_server.options)
    storage = MinioBackend()
    storage.check_bucket_existence()
    data = os.urandom(size)
    receipt = visitor.upload(target, "clip.mp4", data)
    visitor.client.post("/clips/", {"title": "one", "file-receipt": receipt})
    assert Clip.objects.get().file.read() == data
    assert list_pending(storage) == []
    assert not storage.checks_parts
