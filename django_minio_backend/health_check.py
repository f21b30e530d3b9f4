"""A check for django-health-check 4, which the extra `health-check` installs."""

from __future__ import annotations

import dataclasses
import logging

from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable

from django_minio_backend.s3 import health
from django_minio_backend.storage.backend import list_storages

logger = logging.getLogger(__name__)


@dataclasses.dataclass
class MinioHealthCheck(HealthCheck):  # type: ignore[misc]
    """Check that the server of a storage answers and accepts its credentials; without alias, of
    all.
    """

    alias: str | None = None

    def run(self) -> None:
        clients = {
            alias: storage.s3 for alias, storage in list_storages() if self.alias in {None, alias}
        }
        if not clients:
            raise ServiceUnavailable(f"'{self.alias}' is no storage of this package.")
        for alias, status in health.check_all(clients).items():
            if not status:
                # The report is public. The details are for the log.
                logger.error("Storage '%s': %s", alias, status.details)
                raise ServiceUnavailable(f"storage '{alias}' cannot be used")
