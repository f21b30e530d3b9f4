from __future__ import annotations

from pathlib import PurePosixPath

from django.db import models

from django_minio_backend import iso_date_prefix
from examples.attachments.storages import get_private_storage, get_public_storage


class Attachment(models.Model):
    """A file and when it came; the subclasses decide into which bucket it goes."""

    file: models.FileField
    uploaded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
        ordering = ["-uploaded_at"]

    def __str__(self) -> str:
        return PurePosixPath(str(self.file)).name


class PrivateAttachment(Attachment):
    """Reached by signed links only, which expire."""

    file = models.FileField(storage=get_private_storage, upload_to=iso_date_prefix, max_length=255)


class PublicAttachment(Attachment):
    """Reached by everybody who knows its link."""

    file = models.FileField(storage=get_public_storage, upload_to=iso_date_prefix, max_length=255)
