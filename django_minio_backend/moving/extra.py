"""Files that only the target of a transfer has: which of them may be deleted, and the deletion."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.files.storage import storages

from django_minio_backend.errors import ConfigurationError
from django_minio_backend.moving.adapters import Item
from django_minio_backend.moving.inventory import Inventory
from django_minio_backend.moving.transfer import Transfer, find_names_in_rows
from django_minio_backend.references import derived
from django_minio_backend.storage.dual import DualReadStorage


def check_target(transfer: Transfer) -> None:
    """Raise ConfigurationError if nothing may be deleted from the target."""
    source, target = transfer.source, transfer.target
    if transfer.may_be_nested:
        raise ConfigurationError(
            f"'{source.alias}' and '{target.alias}' have buckets of one name, which may be "
            "one bucket: --delete-extra would delete the source."
        )
    for alias in storages.backends:
        storage = storages[alias]
        if isinstance(storage, DualReadStorage) and storage.new is target.storage:
            raise ConfigurationError(
                f"The storage '{alias}' still writes to '{target.alias}', so files that exist only "
                f"there are in use. Run --delete-extra when '{alias}' is gone."
            )


def select_extra(transfer: Transfer, inventory: Inventory, prefix: str) -> list[Item]:
    """Return the files that only the target has and that no row and no other storage needs."""
    # A file that a row refers to is missing in the source, and not extra.
    inventory.add_needed(find_names_in_rows([transfer.source, transfer.target], prefix))
    inventory.add_needed(derived.list_registered_names())
    foreign = transfer.target.list_foreign_prefixes()
    return [item for item in inventory.list_unneeded_extra() if not item.name.startswith(foreign)]


def delete_extra(
    transfer: Transfer, items: Sequence[Item], prefix: str
) -> tuple[int, dict[str, str]]:
    """Delete the items that have not changed since they were listed.

    Return how many were deleted, and the reason for each that was not.
    """
    listed = {item.name: item for item in items}
    unchanged = [
        now.name
        for now in transfer.list_target_items(prefix)
        if now.name in listed and listed[now.name].is_version_of(now)
    ]
    failed = transfer.target.delete(unchanged)
    return len(unchanged) - len(failed), failed
