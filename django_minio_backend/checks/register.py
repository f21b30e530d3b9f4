"""The system checks, registered with Django."""

from __future__ import annotations

from django.core import checks
from django.core.checks import Tags

from django_minio_backend.checks.buckets import check_buckets
from django_minio_backend.checks.deployment import check_deployment
from django_minio_backend.checks.fields import check_fields
from django_minio_backend.checks.network import NETWORK, check_servers
from django_minio_backend.checks.settings import (
    check_app_order,
    check_moves,
    check_options,
    check_places,
)


def register_all() -> None:
    for check in (check_options, check_places, check_buckets, check_fields, check_moves):
        checks.register(check, Tags.files)
    checks.register(check_app_order, Tags.files)
    checks.register(check_deployment, Tags.security, deploy=True)
    checks.register(check_servers, NETWORK)
