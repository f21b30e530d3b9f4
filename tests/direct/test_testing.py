from __future__ import annotations

import pytest

from django_minio_backend import MinioBackend
from django_minio_backend.direct.files import Receipt, make_pending_name
from django_minio_backend.direct.testing import make_receipt
from tests.clips.forms import NoteForm
from tests.direct.conftest import Visitor

pytestmark = pytest.mark.django_db


def test_a_test_makes_receipts(storage: MinioBackend, visitor: Visitor) -> None:
    field = NoteForm.base_fields["file"]
    receipt = Receipt.from_token(make_receipt(field, "a.txt", b"abc", user=visitor.user))
    assert (receipt.user, receipt.size, receipt.content_type) == (visitor.key, 3, "text/plain")
    assert storage.open(make_pending_name(receipt.id)).read() == b"abc"
