from __future__ import annotations

import copy
import dataclasses
import pickle
import re
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import IntegrityError, models, transaction
from django.db.migrations.writer import MigrationWriter

from django_minio_backend import MinioBackend
from django_minio_backend.direct.files import DirectUpload, Receipt
from django_minio_backend.direct.targets import Target
from django_minio_backend.direct.testing import make_receipt
from tests.clips.forms import ClipForm
from tests.clips.models import Clip, Favourite, Scene, Trailer
from tests.conftest import Buckets
from tests.direct.conftest import Visitor, list_pending

FINAL = r"clips/one/clip_[\w-]{22}\.mp4"


@pytest.fixture
def upload(buckets: Buckets) -> DirectUpload:
    token = make_receipt(Clip._meta.get_field("file"), "clip.mp4", b"content")
    return DirectUpload(Receipt.from_token(token), token)


def list_final(storage: MinioBackend) -> list[str]:
    return storage.listdir("clips/one")[1]


@pytest.mark.django_db(transaction=True)
def test_a_file_is_published_when_its_row_is_saved(
    upload: DirectUpload, storage: MinioBackend
) -> None:
    clip = Clip.objects.create(title="one", file=upload)
    assert re.fullmatch(FINAL, clip.file.name or "")
    assert clip.file.read() == b"content"
    assert storage.stat(str(clip.file)).content_type == "video/mp4"
    assert list_pending(storage) == []


@pytest.mark.django_db(transaction=True)
def test_a_transaction_publishes_at_its_end(upload: DirectUpload, storage: MinioBackend) -> None:
    with transaction.atomic():
        clip = Clip.objects.create(title="one", file=upload)
        assert list_final(storage) == []
        assert len(list_pending(storage)) == 1
    assert clip.file.read() == b"content"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("nested", [False, True])
def test_after_a_rollback_nothing_is_left_but_the_upload(
    upload: DirectUpload, storage: MinioBackend, nested: bool
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        with transaction.atomic(savepoint=nested):
            Clip.objects.create(title="one", file=upload)
        raise IntegrityError
    assert not Clip.objects.exists()
    assert list_final(storage) == []
    # The form can be sent again.
    clip = Clip.objects.create(title="one", file=upload)
    assert clip.file.read() == b"content"


@pytest.mark.django_db(transaction=True)
def test_a_row_that_is_refused_publishes_nothing(
    upload: DirectUpload, storage: MinioBackend
) -> None:
    Clip.objects.create(title="one", file="there.mp4")
    with pytest.raises(IntegrityError):
        Clip.objects.create(title="one", file=upload)
    assert list_final(storage) == []
    assert upload.exists()


@pytest.mark.django_db(transaction=True)
def test_an_instance_is_saved_again_after_a_rollback(
    upload: DirectUpload, storage: MinioBackend
) -> None:
    clip = Clip(title="one", file=upload)
    with pytest.raises(IntegrityError), transaction.atomic():
        clip.save()
        raise IntegrityError
    clip.pk = None
    with transaction.atomic():
        clip.save(force_insert=True)
        clip.save()
        assert list_final(storage) == []
    assert clip.file.read() == b"content"


@pytest.mark.django_db(transaction=True)
def test_an_upload_to_another_storage_is_read_and_saved_there(
    upload: DirectUpload, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = MinioBackend(buckets.public)
    monkeypatch.setattr(Clip._meta.get_field("file"), "storage", public)
    upload.receipt.target.find_storage()
    other = dataclasses.replace(upload.receipt, target=Target())
    clip = Clip.objects.create(title="one", file=DirectUpload(other, ""))
    assert clip.file.name == "clips/one/clip.mp4"
    assert public.open("clips/one/clip.mp4").read() == b"content"


@pytest.mark.django_db(transaction=True)
def test_two_rows_with_one_upload_have_a_file_each(
    upload: DirectUpload, storage: MinioBackend
) -> None:
    clips = [Clip.objects.create(title=title, file=upload) for title in ("one", "two")]
    assert [clip.file.read() for clip in clips] == [b"content"] * 2
    assert clips[0].file.name != clips[1].file.name


@pytest.mark.django_db(transaction=True)
def test_a_file_that_was_replaced_before_it_was_saved_is_not_published(
    upload: DirectUpload, storage: MinioBackend
) -> None:
    clip = Clip.objects.create(title="one", file="there.mp4")
    clip.file.save("clip.mp4", upload, save=False)
    clip.refresh_from_db()
    clip.save()
    assert list_final(storage) == []
    clip.file.save("clip.mp4", upload, save=False)
    clip.save(update_fields=["title"])
    assert list_final(storage) == []
    clip.save(update_fields=["file"])
    assert clip.file.read() == b"content"


@pytest.mark.django_db(transaction=True)
def test_an_instance_is_pickled_without_its_uploads(
    upload: DirectUpload, storage: MinioBackend
) -> None:
    assert upload.read() == b"content"
    with transaction.atomic():
        clip = Clip.objects.create(title="one", file=upload)
        for twin in (pickle.loads(pickle.dumps(clip)), copy.deepcopy(clip)):
            twin.save()
        assert list_final(storage) == []
    assert clip.file.read() == b"content"


@pytest.mark.django_db(transaction=True)
def test_compression_and_transactions_go_together(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    buckets.change(MINIO_GZIP=["text/*"])
    monkeypatch.setattr(Clip._meta.get_field("file"), "transactional", True)
    text = b"text " * 1000
    clip = Clip.objects.create(title="one", file=ContentFile(text, "a.txt"))
    assert clip.file.read() == text
    assert clip.file.size == len(text)
    assert MinioBackend().stat(str(clip.file)).size < len(text)


@pytest.mark.django_db(transaction=True)
def test_children_and_proxies_publish_too(upload: DirectUpload, storage: MinioBackend) -> None:
    child = Trailer.objects.create(title="one", length=5, file=upload)
    assert child.file.read() == b"content"
    token = make_receipt(Clip._meta.get_field("file"), "clip.mp4", b"second")
    second = DirectUpload(Receipt.from_token(token), token)
    proxy = Favourite.objects.create(title="two", file=second)
    assert proxy.file.read() == b"second"


@pytest.mark.django_db(transaction=True)
def test_bulk_create_publishes_too(upload: DirectUpload, storage: MinioBackend) -> None:
    [clip] = Clip.objects.bulk_create([Clip(title="one", file=upload)])
    assert clip.file.read() == b"content"


@pytest.mark.django_db(transaction=True)
def test_a_file_is_saved_on_its_row(upload: DirectUpload, storage: MinioBackend) -> None:
    clip = Clip.objects.create(title="one", file="there.mp4")
    clip.file.save("clip.mp4", upload)
    clip.refresh_from_db()
    assert clip.file.read() == b"content"
    clip.file.save("plain.mp4", ContentFile(b"plain"))
    assert clip.file.name == "clips/one/plain.mp4"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fails", [False, True])
def test_a_transactional_field_publishes_every_file_on_commit(
    storage: MinioBackend, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    monkeypatch.setattr(Clip._meta.get_field("file"), "transactional", True)
    try:
        with transaction.atomic():
            clip = Clip.objects.create(title="one", file=ContentFile(b"plain", "clip.mp4"))
            assert list_final(storage) == []
            if fails:
                raise IntegrityError
    except IntegrityError:
        assert (list_final(storage), len(list_pending(storage))) == ([], 1)
        return
    assert re.fullmatch(FINAL, clip.file.name or "")
    assert clip.file.read() == b"plain"
    assert storage.stat(str(clip.file)).content_type == "video/mp4"
    assert list_pending(storage) == []


def test_migrations_are_those_of_a_file_field() -> None:
    field = Clip._meta.get_field("file")
    text, _ = MigrationWriter.serialize(field)
    assert text.startswith("models.FileField(")
    assert "direct" not in text
    assert "max_size" not in text


def test_it_is_a_file_field_for_all_others(buckets: Buckets) -> None:
    field: Any = Clip._meta.get_field("file")
    assert isinstance(field, models.FileField)
    assert field.get_internal_type() == "FileField"
    assert ClipForm.base_fields["file"].max_length == 100  # type: ignore[attr-defined]
    widget: Any = Scene._meta.get_field("still").formfield().widget
    assert widget.target.label == "clips.Scene.still"


@pytest.mark.django_db(transaction=True)
def test_the_admin_takes_uploads(buckets: Buckets, visitor: Visitor, target: Any) -> None:
    assert visitor.user
    type(visitor.user).objects.update(is_staff=True, is_superuser=True)
    still: Any = Scene._meta.get_field("still")
    form = {
        "title": "one",
        "file-receipt": visitor.upload(target, "clip.mp4", b"video"),
        "scene_set-TOTAL_FORMS": 2,
        "scene_set-INITIAL_FORMS": 0,
        "scene_set-0-still-receipt": visitor.upload(still.target, "a.png", b"png"),
    }
    page = visitor.client.get("/admin/clips/clip/add/").content.decode()
    assert page.count("<direct-upload") == 3  # the field, one inline and its template
    assert page.count("direct-upload.js") == 1
    bad = visitor.client.post("/admin/clips/clip/add/", {**form, "title": ""}).content.decode()
    assert str(form["scene_set-0-still-receipt"]) in bad
    assert visitor.client.post("/admin/clips/clip/add/", form).status_code == 302
    scene = Scene.objects.get()
    assert (scene.clip.file.read(), scene.still.read()) == (b"video", b"png")
    change = visitor.client.get(f"/admin/clips/clip/{scene.clip.pk}/change/").content.decode()
    assert scene.clip.file.url.partition("?")[0] in change
    note = visitor.client.get("/admin/clips/note/add/").content.decode()
    assert note.count("<direct-upload") == 1
