from __future__ import annotations

import pytest

from django_minio_backend import errors
from django_minio_backend.s3.unfinished import UnfinishedUpload, list_uploads
from tests.hostile import Answer, hostile, storage_at


def page(*keys: str, more: str = "") -> Answer:
    uploads = "".join(
        f"<Upload><Key>{key}</Key><UploadId>u{key}</UploadId></Upload>" for key in keys
    )
    goes_on = str(bool(more)).lower()
    return Answer(
        200,
        f"<ListMultipartUploadsResult><IsTruncated>{goes_on}</IsTruncated>{more}{uploads}"
        "</ListMultipartUploadsResult>",
    )


BY_KEY = "<NextKeyMarker>b</NextKeyMarker><NextUploadIdMarker>ub</NextUploadIdMarker>"
BY_ID = "<NextUploadIdMarker>ub</NextUploadIdMarker>"


@pytest.mark.parametrize(
    ("more", "marker"), [(BY_KEY, "key-marker=b"), (BY_ID, "upload-id-marker=ub")]
)
def test_a_listing_goes_on_behind_its_last_upload(more: str, marker: str) -> None:
    with hostile(page("a", "b", more=more), page("c")) as server:
        storage = storage_at(server.endpoint)
        keys = [upload.key for upload in list_uploads(storage.s3.transport, "")]
        first, second = server.requests
    assert keys == ["a", "b", "c"]
    assert ("marker" in first, marker in second) == (False, True)


@pytest.mark.parametrize("more", ["<Other/>", BY_KEY])
def test_a_listing_that_leads_nowhere_or_in_circles_is_an_error(more: str) -> None:
    with hostile(page("a", more=more)) as server:
        storage = storage_at(server.endpoint)
        with pytest.raises(errors.UnexpectedAnswer, match="goes on, but not where"):
            list(list_uploads(storage.s3.transport, ""))


def test_only_uploads_below_the_prefixes_are_listed() -> None:
    with hostile(page("a/1", "b/2")) as server:
        storage = storage_at(server.endpoint)
        uploads = list(storage.s3.list_uploads(["a/"]))
    assert uploads == [UnfinishedUpload("a/1", "ua/1")]
