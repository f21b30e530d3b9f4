from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from django_minio_backend import MinioBackend
from django_minio_backend.direct.testing import make_receipt
from tests.clips.models import Clip

serializers = pytest.importorskip("rest_framework.serializers")
rest = pytest.importorskip("django_minio_backend.direct.rest")

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def serialize(storage: MinioBackend) -> Any:
    field: Any = Clip._meta.get_field("file")

    class ClipSerializer(serializers.ModelSerializer):  # type: ignore[name-defined,misc]
        file = rest.DirectFileSerializerField(target=field.target)

        class Meta:
            model = Clip
            fields = ("title", "file")

    return lambda file: ClipSerializer(data={"title": "one", "file": file})


def test_a_serializer_takes_a_receipt_or_a_file(serialize: Any) -> None:
    receipt = make_receipt(Clip._meta.get_field("file"), "clip.mp4", b"video")
    for file, content in ((receipt, b"video"), (SimpleUploadedFile("a.mp4", b"mp4"), b"mp4")):
        serializer = serialize(file)
        assert serializer.is_valid(), serializer.errors
        clip = serializer.save()
        assert clip.file.read() == content
        clip.delete()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("no receipt", "The upload is not one of this form"),
        (SimpleUploadedFile("a.pdf", b"%PDF", "application/pdf"), "are not accepted"),
        (SimpleUploadedFile("a.mp4", b""), "The submitted file is empty."),
        (7, "The submitted data was not a file"),
    ],
)
def test_another_file_is_refused(serialize: Any, file: Any, message: str) -> None:
    serializer = serialize(file)
    assert not serializer.is_valid()
    assert message in serializer.errors["file"][0]
