from __future__ import annotations

from django.apps import AppConfig


class ExportsConfig(AppConfig):
    name = "examples.exports"

    def ready(self) -> None:
        from django_minio_backend.bgfiles.patterns import registry
        from examples.exports.exports import EXPORTS

        for export in EXPORTS.values():
            registry.register(export, [export.file_type])
