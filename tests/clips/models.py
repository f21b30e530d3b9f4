"""Models whose files the browser uploads, and one whose files it uploads without their knowing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

from django_minio_backend.direct.fields import DirectFileField

if TYPE_CHECKING:
    from django.db.models.fields.files import FieldFile


def choose_folder(clip: Clip, name: str) -> str:
    return f"clips/{clip.title}/{name}"


class Clip(models.Model):
    title = models.CharField(max_length=20, unique=True)
    file = DirectFileField(
        upload_to=choose_folder, max_size=400 * 2**20, content_types=["video/*", "text/plain"]
    )

    if TYPE_CHECKING:
        file: FieldFile  # type: ignore[no-redef]

    def __str__(self) -> str:
        return self.title


class Scene(models.Model):
    clip = models.ForeignKey(Clip, on_delete=models.CASCADE)
    still: Any = DirectFileField(upload_to="stills/", blank=True, max_size=2**20)


class Note(models.Model):
    file = models.FileField(upload_to="notes/")
