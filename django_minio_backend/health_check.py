"""A check for django-health-check 4, which the extra `health-check` installs."""

from __future__ import annotations

import dataclasses
import logging

from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable

from django_minio_backend import health
from django_minio_backend.storage import configured

logger = logging.getLogger(__name__)


@dataclasses.dataclass
class MinioHealthCheck(HealthCheck):  # type: ignore[misc]
    """That the server of a storage is there and takes its credentials; of all without an alias."""

    alias: str | None = None

    def run(self) -> None:
        storages = {
            alias: storage for alias, storage in configured() if self.alias in {None, alias}
        }
        if not storages:
            raise ServiceUnavailable(f"'{self.alias}' is no storage of this package.")
        found = health.check_all(storages)
        for alias, status in found.items():
            if not status:
                # The report is public; what says more is for the log.
                logger.error("Storage '%s': %s", alias, status.details)
                raise ServiceUnavailable(f"storage '{alias}' cannot be used")
