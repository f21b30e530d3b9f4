from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.datastructures import MultiValueDict

from django_minio_backend import MinioBackend
from django_minio_backend.direct import tokens
from django_minio_backend.direct.files import DirectUpload, Receipt
from django_minio_backend.direct.forms import DirectFileFormField, DirectFileInput, PostedReceipts
from django_minio_backend.direct.testing import make_receipt
from tests.clips.forms import ClipForm, ManyForm
from tests.clips.models import Clip, Note
from tests.conftest import Buckets, Recorder
from tests.direct.conftest import Visitor, list_pending
from tests.hostile import closed_port

pytestmark = pytest.mark.django_db(transaction=True)

VIDEO = b"\0\0\0 ftypmp42"


def read_receipts(page: str, name: str) -> list[str]:
    return re.findall(rf'type="hidden" name="{name}-receipt" value="([^"]+)"', unescape(page))


def test_a_form_takes_a_receipt_in_the_place_of_a_file(
    storage: MinioBackend, visitor: Visitor, target: Any
) -> None:
    receipt = visitor.upload(target, "clip.mp4", VIDEO)
    form = {"title": "one", "file-receipt": receipt}
    assert visitor.client.post("/clips/", form).status_code == 200
    clip = Clip.objects.get()
    assert re.fullmatch(r"clips/one/clip_[\w-]{22}\.mp4", clip.file.name or "")
    assert clip.file.read() == VIDEO
    assert list_pending(storage) == []
    # A receipt serves once.
    page = visitor.client.post("/clips/", {**form, "title": "two"}).content.decode()
    assert "The upload is gone: choose the file again." in page
    assert Clip.objects.count() == 1


def test_the_file_stays_when_another_field_has_an_error(visitor: Visitor, target: Any) -> None:
    receipt = visitor.upload(target, "clip & co.mp4", VIDEO)
    for _ in range(2):
        page = visitor.client.post("/clips/", {"title": "", "file-receipt": receipt})
        shown = page.content.decode()
        assert read_receipts(shown, "file") == [receipt]
        assert 'data-name="clip &amp; co.mp4" data-size="12"' in shown
        [native] = re.findall(r'<input type="file"[^>]*>', shown)
        assert "required" not in native
        assert "data-required" in shown
        assert 'accept="video/*,text/plain"' in native
    visitor.client.post("/clips/", {"title": "one", "file-receipt": receipt})
    assert Clip.objects.get().file.read() == VIDEO


@pytest.fixture
def refused(visitor: Visitor) -> Callable[..., None]:
    def check(receipt: str, message: str, client: Any = None) -> None:
        form = {"title": "one", "file-receipt": receipt}
        page = (client or visitor.client).post("/clips/", form).content.decode()
        assert message in unescape(page)
        assert not Clip.objects.exists()

    return check


FOREIGN = "The upload is not one of this form: choose the file again."


def test_nobody_uses_another_users_receipt(
    refused: Callable[..., None],
    visitor: Visitor,
    nobody: Visitor,
    make_visitor: Callable[[str], Visitor],
    target: Any,
) -> None:
    receipt = visitor.upload(target, "clip.mp4", VIDEO)
    refused(receipt, FOREIGN, make_visitor("bob").client)
    refused(receipt, FOREIGN, nobody.client)
    refused(receipt + "x", FOREIGN)
    refused(nobody.upload(target, "clip.mp4", VIDEO), FOREIGN)


def test_a_receipt_of_another_field_is_refused(
    refused: Callable[..., None], visitor: Visitor, target: Any, buckets: Buckets
) -> None:
    other = ManyForm.base_fields["clips"]
    refused(make_receipt(other, "clip.mp4", VIDEO, user=visitor.user), FOREIGN)
    refused(target.to_token(visitor.key), FOREIGN)


def test_an_old_receipt_is_refused(
    refused: Callable[..., None], visitor: Visitor, target: Any, settings: Any
) -> None:
    receipt = visitor.upload(target, "clip.mp4", VIDEO)
    settings.DIRECT_UPLOADS_MAX_AGE = -1
    refused(receipt, "The upload is too old: choose the file again.")


def test_an_upload_that_was_replaced_is_refused(
    refused: Callable[..., None], visitor: Visitor, target: Any
) -> None:
    receipt = visitor.upload(target, "clip.mp4", VIDEO)
    pending = DirectUpload(Receipt.from_token(receipt), receipt).pending_name
    MinioBackend(replace_existing=True).save(pending, ContentFile(b"something else"))
    refused(receipt, "The upload is gone")
    page = visitor.client.post("/clips/", {"title": "one", "file-receipt": receipt})
    shown = page.content.decode()
    assert read_receipts(shown, "file") == []
    assert re.search(r'<input type="file"[^>]* required', shown)


def test_a_server_that_is_down_keeps_the_receipt(
    refused: Callable[..., None], visitor: Visitor, target: Any, buckets: Buckets
) -> None:
    receipt = visitor.upload(target, "clip.mp4", VIDEO)
    with closed_port() as endpoint:
        buckets.change(MINIO_ENDPOINT=endpoint, MINIO_RETRIES=0)
        refused(receipt, "The file server does not answer. Try again later.")


def test_a_clean_method_reads_the_upload(
    refused: Callable[..., None], visitor: Visitor, target: Any
) -> None:
    refused(visitor.upload(target, "clip.mp4", b"refuse me"), "Not this one.")


def test_a_form_costs_three_requests_of_the_site_and_few_of_the_server(
    visitor: Visitor, target: Any, buckets: Buckets, recorder: Recorder
) -> None:
    buckets.change(MINIO_HTTP_CLIENT=recorder)
    receipt = visitor.upload(target, "clip.mp4", VIDEO)
    recorder.requests.clear()
    form = {"title": "one", "file-receipt": receipt}
    visitor.client.post("/clips/", form)
    # Read it for the check and for clean_file; then publish and delete.
    assert recorder.methods == ["GET", "PUT", "DELETE"]


def test_without_a_script_the_form_posts_the_file(storage: MinioBackend, nobody: Visitor) -> None:
    file = SimpleUploadedFile("clip.mp4", VIDEO, "video/mp4")
    nobody.client.post("/clips/", {"title": "one", "file": file})
    assert Clip.objects.get().file.name == "clips/one/clip.mp4"
    page = nobody.client.post("/clips/", {"title": "two"}).content.decode()
    assert "This field is required." in page


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"x" * (2**20 + 1), "the most is 1.0"),
        ("a.txt", b"", "The submitted file is empty."),
    ],
)
def test_the_limits_hold_for_posted_files_too(
    nobody: Visitor, buckets: Buckets, name: str, content: bytes, message: str
) -> None:
    page = nobody.client.post("/notes/", {"file": SimpleUploadedFile(name, content)})
    assert message in unescape(page.content.decode()).replace("\xa0", " ")
    wrong = SimpleUploadedFile("clip.mp4", VIDEO, "application/pdf")
    page = nobody.client.post("/clips/", {"title": "one", "file": wrong})
    assert "Files of the type application/pdf are not accepted." in page.content.decode()


def test_with_another_storage_the_field_is_a_file_field(
    nobody: Visitor, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while a site is developed."""
    field: Any = Clip._meta.get_field("file")
    monkeypatch.setattr(field, "storage", InMemoryStorage())
    monkeypatch.setattr(field, "transactional", True)
    page = nobody.client.get("/clips/").content.decode()
    assert '<input type="file" name="file"' in page
    assert "<direct-upload" not in page
    file = SimpleUploadedFile("clip.mp4", VIDEO, "video/mp4")
    nobody.client.post("/clips/", {"title": "one", "file": file})
    assert Clip.objects.get().file.name == "clips/one/clip.mp4"


def test_a_plain_file_field_gets_uploads_by_its_form(
    storage: MinioBackend, visitor: Visitor
) -> None:
    target = DirectFileFormField(max_size=2**20).target
    receipt = visitor.upload(target, "note.txt", b"note")
    visitor.client.post("/notes/", {"file-receipt": receipt})
    note = Note.objects.get()
    assert re.fullmatch(r"notes/note_[\w-]{22}\.txt", note.file.name or "")
    assert note.file.read() == b"note"
    assert list_pending(storage) == []


def test_several_files(visitor: Visitor, nobody: Visitor, buckets: Buckets) -> None:
    target = DirectFileFormField().target
    receipts = [visitor.upload(target, f"{n}.txt", b"x" * n) for n in (1, 2)]
    page = visitor.client.post("/many/", {"clips-receipt": receipts}).content.decode()
    assert "2 files, 3 bytes" in page
    files = [SimpleUploadedFile(f"{n}.txt", b"x" * n) for n in (3, 4)]
    assert "2 files, 7 bytes" in nobody.client.post("/many/", {"clips": files}).content.decode()
    assert "0 files, 0 bytes" in nobody.client.post("/many/", {"a": "b"}).content.decode()


def test_receipts_cost_no_more_than_they_must(
    visitor: Visitor, target: Any, buckets: Buckets, recorder: Recorder, settings: Any
) -> None:
    receipt = visitor.upload(target, "clip.mp4", VIDEO)
    buckets.change(MINIO_HTTP_CLIENT=recorder)
    form = {"title": "", "file-receipt": ["x"] * 50 + [receipt]}
    visitor.client.post("/clips/", form)
    assert recorder.methods == ["GET"]
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
    page = visitor.client.post("/many/", {"clips-receipt": ["a", "a", "b", "c"]})
    assert "These are too many files. The most is 2." in page.content.decode()


def test_a_scan_refuses_a_file_and_deletes_it(
    refused: Callable[..., None],
    storage: MinioBackend,
    visitor: Visitor,
    target: Any,
    settings: Any,
) -> None:
    def scan(file: DirectUpload) -> None:
        if b"EICAR" in file.read():
            raise ValidationError("The file holds a virus.")

    settings.DIRECT_UPLOADS_SCAN = scan
    refused(visitor.upload(target, "clip.mp4", b"EICAR"), "The file holds a virus.")
    assert list_pending(storage) == []
    receipt = visitor.upload(target, "clip.mp4", VIDEO)
    visitor.client.post("/clips/", {"title": "one", "file-receipt": receipt})
    assert Clip.objects.get().file.read() == VIDEO


def test_prefixed_forms_and_plain_data(buckets: Buckets) -> None:
    form = ClipForm({"a-title": "one", "a-file-receipt": "x"}, prefix="a")
    assert form["file"].data == ["x"]
    widget = DirectFileInput()
    assert widget.value_from_datadict({"f-receipt": ["x", ""]}, {}, "f") == ["x"]
    assert widget.value_from_datadict({}, {}, "f") is None
    assert not widget.value_omitted_from_data({"f-receipt": "x"}, {}, "f")
    assert widget.value_omitted_from_data({}, {}, "f")
    assert isinstance(
        widget.value_from_datadict({"f-receipt": "x"}, MultiValueDict(), "f"), PostedReceipts
    )


def test_the_page_holds_a_token_of_its_user_and_field(visitor: Visitor, target: Any) -> None:
    page = visitor.client.get("/clips/").content.decode()
    token = re.search(r'data-token="([^"]+)"', page)
    assert token
    data = tokens.load(tokens.FIELD, token[1])
    assert data == {"u": visitor.key, "t": target.to_data()}
    assert 'data-begin="/uploads/begin/"' in page
    assert '<script type="module" src="/static/direct_uploads/direct-upload.js"></script>' in page
    assert 'data-text-cancel="Cancel"' in page
    assert "onclick" not in page


def test_clearing_and_choosing_at_once_is_told(buckets: Buckets, visitor: Visitor) -> None:
    field = DirectFileFormField(required=False)
    widget: Any = field.widget
    files = {"f": SimpleUploadedFile("a", b"x")}
    both = widget.value_from_datadict({"f-clear": "on"}, files, "f")
    with pytest.raises(ValidationError, match="either submit a file or check the clear"):
        field.clean(both)
    assert field.clean(None, "before") == "before"
    assert field.clean([], "before") == "before"
