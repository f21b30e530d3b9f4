"""Classes for an export, from the view to the e-mail, and the registry of their file types."""

from __future__ import annotations

from django_minio_backend.bgfiles.patterns import registry
from django_minio_backend.bgfiles.patterns.criteria import Criteria, Dataset, InvalidForm
from django_minio_backend.bgfiles.patterns.full import FullPattern

__all__ = ["Criteria", "Dataset", "FullPattern", "InvalidForm", "registry"]
