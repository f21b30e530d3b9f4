"""Models that keep files in every way that Django knows."""

from __future__ import annotations

from django.db import models

from django_minio_backend import iso_date_prefix


class Work(models.Model):
    """Abstract: its field is each heir's own."""

    cover = models.FileField(upload_to="covers", blank=True)

    class Meta:
        abstract = True


class Book(Work):
    scan = models.FileField(upload_to=iso_date_prefix, null=True)


class Atlas(Book):
    """Multi-table: a table of its own, and Book's."""

    plate = models.ImageField(upload_to="plates/%Y/", blank=True)


class Classic(Book):
    class Meta:
        proxy = True


class Hidden(models.Manager["Film"]):
    def get_queryset(self) -> models.QuerySet[Film]:
        return super().get_queryset().none()


class Film(Work):
    """A default manager that shows nothing must not make its files orphans."""

    objects = Hidden()
