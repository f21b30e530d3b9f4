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
        from django_minio_backend.direct import checks

        checks.register_all()
