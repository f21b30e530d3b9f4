"""MINIO_CONSISTENCY_CHECK_ON_START: the buckets are reconciled when Django starts."""

from __future__ import annotations

import logging

from django_minio_backend.buckets import apply, declarations
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.parallel import map_parallel
from django_minio_backend.s3 import health
from django_minio_backend.storage.backend import MinioBackend, list_storages

logger = logging.getLogger(__name__)


def check_consistency(*, raises: bool = True) -> None:
    """Do the work of `initialize_buckets` for the aliases that ask for it.

    Raises ConfigurationError if options are wrong. Without `raises` nothing is done then.

    If a server is down, start-up takes up to MINIO_CONNECT_TIMEOUT seconds longer, however many
    aliases it has. A failure is logged. It stops Django, with a ConfigurationError, only if an
    alias sets MINIO_CONSISTENCY_CHECK_STRICT.
    """
    try:
        storages = [storage for _, storage in list_storages() if storage.options]
    except ConfigurationError:
        if raises:
            raise
        return
    checked = [storage for storage in storages if storage.options.consistency_check_on_start]
    if not checked:
        return
    states = map_parallel(_ask_state, checked, len(checked))
    failures = [(storage, s.details) for storage, s in zip(checked, states, strict=True) if not s]
    available = [storage for storage, state in zip(checked, states, strict=True) if state]
    try:
        failures += _reconcile(available)
    except ConfigurationError as error:
        failures += [(storage, str(error)) for storage in available]
    for storage, failure in failures:
        logger.error("Consistency check of storage '%s': %s", storage.options.alias, failure)
    for storage, failure in failures:
        if storage.options.consistency_check_strict:
            raise ConfigurationError(
                f"Storage '{storage.options.alias}': the consistency check failed, and "
                f"MINIO_CONSISTENCY_CHECK_STRICT is set. {failure}"
            )


def _ask_state(storage: MinioBackend) -> health.MinioServerStatus:
    limit = min(storage.options.connect_timeout, health.TIMEOUT)
    return health.check(storage.s3, limit)


def _reconcile(storages: list[MinioBackend]) -> list[tuple[MinioBackend, str]]:
    """Reconcile the storages' buckets. Return the failures."""
    # All aliases count: a bucket that is private for another one must not become public here.
    declared = declarations.merge_declarations(
        (storage.s3, storage.options) for _, storage in list_storages()
    )
    owned = [
        (owner, client, declaration)
        for client, declaration in declared
        if (owner := next((s for s in storages if declaration.is_of(s.options.alias)), None))
    ]
    # A server may answer once and then fall silent. Nobody waits long for that either.
    targets = [
        (client.with_server(read_timeout=owner.options.connect_timeout, retries=0), declaration)
        for owner, client, declaration in owned
    ]
    failures = []
    outcomes = apply.apply_all(apply.plan_all(targets))
    for (owner, _, _), outcome in zip(owned, outcomes, strict=True):
        if outcome.error:
            failures.append((owner, str(outcome)))
        else:
            alias = owner.options.alias
            logger.info("Consistency check of storage '%s': %s", alias, outcome)
    return failures
