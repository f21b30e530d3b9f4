"""Models whose files the browser uploads, and one whose files it uploads without their knowing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.files.storage import InMemoryStorage
from django.db import models
from django.utils.functional import LazyObject

from django_minio_backend.direct.fields import DirectFileField

if TYPE_CHECKING:
    from django.db.models.fields.files import FieldFile


class SwitchedStorage(LazyObject):  # type: ignore[type-arg]
    """In memory, and the default storage in the tests of direct uploads: see their conftest."""

    def _setup(self) -> None:
        self._wrapped = InMemoryStorage()

    def switch(self, storage: Any) -> None:
        self._wrapped = storage


clip_storage: Any = SwitchedStorage()


def choose_folder(clip: Clip, name: str) -> str:
    return f"clips/{clip.title}/{name}"


class Clip(models.Model):
    title = models.CharField(max_length=20, unique=True)
    file = DirectFileField(
        upload_to=choose_folder,
        storage=clip_storage,
        max_size=400 * 2**20,
        content_types=["video/*", "text/plain"],
    )

    if TYPE_CHECKING:
        file: FieldFile  # type: ignore[no-redef]

    def __str__(self) -> str:
        return self.title


class Trailer(Clip):
    length = models.IntegerField()


class Favourite(Clip):
    class Meta:
        proxy = True


class Scene(models.Model):
    clip = models.ForeignKey(Clip, on_delete=models.CASCADE)
    still: Any = DirectFileField(
        upload_to="stills/", storage=clip_storage, blank=True, max_size=2**20
    )


class Note(models.Model):
    file = models.FileField(upload_to="notes/", storage=clip_storage)
