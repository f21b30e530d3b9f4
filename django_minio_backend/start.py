"""What MINIO_CONSISTENCY_CHECK_ON_START does when Django starts, in bounded time."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

from django_minio_backend import buckets, health
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.storage import MinioBackend, configured

logger = logging.getLogger(__name__)


def check_consistency() -> None:
    """Do what `initialize_buckets` does for the aliases that ask for it.

    A server that is down delays the start by the connect timeout, however many aliases it has.
    What fails is logged; it stops Django, with a ConfigurationError, only where an alias says
    MINIO_CONSISTENCY_CHECK_STRICT.
    """
    wanted = [storage for _, storage in configured() if storage.options.consistency_check_on_start]
    if not wanted:
        return
    with ThreadPoolExecutor(len(wanted), thread_name_prefix="consistency") as threads:
        states = list(threads.map(_state, wanted))
    failures = [(storage, s.details) for storage, s in zip(wanted, states, strict=True) if not s]
    there = [storage for storage, state in zip(wanted, states, strict=True) if state]
    try:
        failures += _reconcile(there)
    except ConfigurationError as error:
        failures += [(storage, str(error)) for storage in there]
    for storage, failure in failures:
        logger.error("Consistency check of storage '%s': %s", storage.options.alias, failure)
    for storage, failure in failures:
        if storage.options.consistency_check_strict:
            raise ConfigurationError(
                f"Storage '{storage.options.alias}': the consistency check failed, and "
                f"MINIO_CONSISTENCY_CHECK_STRICT is set. {failure}"
            )


def _state(storage: MinioBackend) -> health.MinioServerStatus:
    limit = min(storage.options.connect_timeout, health.TIMEOUT)
    return health.check(storage.s3, storage.options, limit)


def _reconcile(storages: list[MinioBackend]) -> list[tuple[MinioBackend, str]]:
    """Reconcile the storages' buckets and return what failed."""
    # What the others declare counts too: a bucket that is private there is not made public here.
    declared = buckets.all_declared((storage.s3, storage.options) for _, storage in configured())
    owned = [
        (owner, client, wanted)
        for client, wanted in declared
        if (owner := next((s for s in storages if wanted.is_of(s.options.alias)), None))
    ]
    # A server that answered once and then falls silent is not waited for either.
    targets = [
        (client.with_options(read_timeout=owner.options.connect_timeout, retries=0), wanted)
        for owner, client, wanted in owned
    ]
    failures = []
    outcomes = buckets.apply_all(buckets.plan_all(targets))
    for (owner, _, _), outcome in zip(owned, outcomes, strict=True):
        if outcome.error:
            failures.append((owner, str(outcome)))
        else:
            alias = owner.options.alias
            logger.info("Consistency check of storage '%s': %s", alias, outcome)
    return failures
