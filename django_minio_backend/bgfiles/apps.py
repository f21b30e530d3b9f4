from __future__ import annotations

from django.apps import AppConfig


class BgfilesConfig(AppConfig):
    name = "django_minio_backend.bgfiles"
    label = "bgfiles"
    verbose_name = "Background files"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_minio_backend.bgfiles import checks

        checks.register_all()
