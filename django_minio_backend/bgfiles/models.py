"""`FileRequest`: a user's request for a file, its progress, and the file itself."""

from __future__ import annotations

import logging
import uuid
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.storage import Storage, default_storage, storages
from django.db import models, transaction
from django.utils import timezone

from django_minio_backend.bgfiles.leases import LeasedRequest
from django_minio_backend.bgfiles.leases import State as State

logger = logging.getLogger("django_minio_backend.bgfiles")

STORAGE_ALIAS = "bgfiles"

if TYPE_CHECKING:
    _QuerySet = models.QuerySet["FileRequest"]
    _Manager = models.Manager["FileRequest"]
else:
    # Not generic at run time.
    _QuerySet, _Manager = models.QuerySet, models.Manager


def safe_filename(name: str) -> str:
    """Return a filename that cannot end a header or name another folder."""
    printable = "".join(char for char in name if char.isprintable())
    return PurePath(printable.replace("\\", "/")).name.lstrip(".") or "file"


OPEN = (State.QUEUED, State.RUNNING)
ENDED = (State.DONE, State.FAILED)


def find_storage() -> Storage:
    """Return STORAGES["bgfiles"] if it is declared, else the default storage."""
    return storages[STORAGE_ALIAS] if STORAGE_ALIAS in storages.backends else default_storage


def discard(storage: Storage, name: str) -> None:
    """Delete a file that no row names. If that fails, log its name."""
    try:
        storage.delete(name)
    except Exception as error:
        logger.error("The file %s may be left over: %s", name, type(error).__name__)


class RequestFileField(models.FileField):
    """A FileField that looks up its storage each time.

    If the settings are wrong, models load all the same, and `check` says what is wrong. No
    migration depends on the storage.
    """

    @property
    def storage(self) -> Storage:
        # FileField's `__init__` reads this before the field belongs to a model.
        return find_storage() if hasattr(self, "model") else default_storage

    @storage.setter
    def storage(self, value: Any) -> None:
        """Ignore what FileField sets."""

    def deconstruct(self) -> tuple[str, str, Any, dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("storage", None)
        return name, path, args, kwargs


class FileRequestQuerySet(_QuerySet):
    def to_handle(self) -> FileRequestQuerySet:
        """Return the requests that are due now, the oldest first.

        They are queued, or running with a lease that has expired because the worker died.
        """
        now = timezone.now()
        queued = models.Q(state=State.QUEUED, run_after__lte=now)
        abandoned = models.Q(state=State.RUNNING, leased_until__lt=now)
        return self.filter(queued | abandoned).order_by("created_at")

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the rows one by one, each with its file."""
        count = sum(request.delete()[0] for request in self.iterator(chunk_size=500))
        return count, {self.model._meta.label: count}

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


class FileRequestManager(_Manager):
    def get_queryset(self) -> FileRequestQuerySet:
        return FileRequestQuerySet(self.model, using=self._db)

    def to_handle(self) -> FileRequestQuerySet:
        """Return the requests that are due now; see the query set's."""
        return self.get_queryset().to_handle()


class FileRequest(LeasedRequest):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    file_type = models.CharField(max_length=100, blank=True)
    criteria = models.TextField(blank=True)
    # If the user is deleted, the request stays, and nobody can download the file.
    requester = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="requested_downloads",
    )
    language = models.CharField(max_length=35, blank=True)
    time_zone = models.CharField(max_length=100, blank=True)

    filename = models.CharField(max_length=255, blank=True)
    content_type = models.CharField(max_length=200, blank=True)
    filehandle = RequestFileField(upload_to="bgfiles/", max_length=255, blank=True)
    size = models.BigIntegerField(null=True, blank=True)

    objects = FileRequestManager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["state", "created_at"], name="bgfiles_queue"),
            models.Index(fields=["expires_at"], name="bgfiles_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.filename or self.file_type or 'file'} {self.id}"

    def report(self, done: int, total: int | None = None) -> None:
        """Report the progress, in any unit, and prolong the lease.

        Call it as often as you like: it writes once a second. Raises LeaseLost if another worker
        holds the request by now, or if the row was deleted.
        """
        self.progress_done, self.progress_total = done, total
        self.renew()

    def delete(
        self, using: str | None = None, keep_parents: bool = False, **still: Any
    ) -> tuple[int, dict[str, int]]:
        """Delete the row and its file. If the storage fails, raise its error and keep both.

        In a transaction the file is deleted after the commit. A failure of the storage is logged
        then. Nothing is deleted if the row has other values than `still`.
        """
        pk, database = self.pk, using or self.write_database
        later = transaction.get_connection(database).in_atomic_block
        try:
            with transaction.atomic(using=database):
                # The row may have got a file since it was read.
                rows = FileRequest._base_manager.using(database).select_for_update()
                row = rows.filter(pk=pk, **still).values_list("filehandle").first()
                if row is None:
                    return 0, {}
                deleted = super().delete(using=database, keep_parents=keep_parents)
                if row[0]:
                    self._delete_file(row[0], database if later else None)
        except BaseException:
            self.pk = pk  # Django removes it from an object that it deletes
            raise
        return deleted

    def _delete_file(self, name: str, database: str | None) -> None:
        storage = self.filehandle.storage
        if database is None:
            storage.delete(name)
        else:
            transaction.on_commit(lambda: discard(storage, name), using=database)
