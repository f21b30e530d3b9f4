from __future__ import annotations

from django.db import models


class Document(models.Model):
    """A row with a file."""

    file = models.FileField(upload_to="flat/")
