from __future__ import annotations

from django.apps import AppConfig


class DirectUploadsConfig(AppConfig):
    name = "django_minio_backend.direct"
    label = "direct_uploads"
    verbose_name = "Direct uploads"

    @property
    def pending_prefix(self) -> str:
        """The start of the names of uploads that no row has yet."""
        from django_minio_backend.direct import conf

        return conf.get_prefix()

    def ready(self) -> None:
        from django.db.models.signals import post_save, pre_save

        from django_minio_backend.direct import checks, fields

        checks.register_all()
        pre_save.connect(fields.begin_saving, dispatch_uid="direct_uploads")
        post_save.connect(fields.end_saving, dispatch_uid="direct_uploads")
