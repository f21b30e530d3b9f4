"""`FileRequest`: who wants which file, how far it is, and where it is when it is made."""

from __future__ import annotations

import logging
import uuid
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.storage import Storage, default_storage, storages
from django.db import models, router, transaction
from django.utils import timezone

logger = logging.getLogger("django_minio_backend.bgfiles")

STORAGE_ALIAS = "bgfiles"

if TYPE_CHECKING:
    _QuerySet = models.QuerySet["FileRequest"]
    _Manager = models.Manager["FileRequest"]
else:
    # Not generic at run time.
    _QuerySet, _Manager = models.QuerySet, models.Manager


def safe_filename(name: str) -> str:
    """Return a filename without what could end a header or name another folder."""
    printable = "".join(char for char in name if char.isprintable())
    return PurePath(printable.replace("\\", "/")).name.lstrip(".") or "file"


class State(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


OPEN = (State.QUEUED, State.RUNNING)
ENDED = (State.DONE, State.FAILED)


def request_storage() -> Storage:
    """Return STORAGES["bgfiles"] where that is declared, else the default storage."""
    return storages[STORAGE_ALIAS] if STORAGE_ALIAS in storages.backends else default_storage


def database_of(request: FileRequest) -> str:
    """Return the database that a request is written to, whichever it was read from."""
    return router.db_for_write(FileRequest, instance=request)


def discard(storage: Storage, name: str) -> None:
    """Delete a file that no row is to name; where that fails it is logged with its name."""
    try:
        storage.delete(name)
    except Exception as error:
        logger.error("The file %s may be left over: %s", name, type(error).__name__)


class RequestFileField(models.FileField):
    """A FileField whose storage is looked up when it is used.

    Settings that are wrong are then told by `check`, which a model that cannot be imported would
    prevent, and no migration depends on them.
    """

    @property
    def storage(self) -> Storage:
        return request_storage()

    @storage.setter
    def storage(self, value: Any) -> None:
        """Ignore what FileField sets."""

    def deconstruct(self) -> tuple[str, str, Any, dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("storage", None)
        return name, path, args, kwargs


class FileRequestQuerySet(_QuerySet):
    def to_handle(self) -> FileRequestQuerySet:
        """Return what is to be done now, the oldest first.

        That is what is queued and due, and what a worker began that has not been heard of until
        its lease ran out.
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
        """Return what is to be done now; see the query set's."""
        return self.get_queryset().to_handle()


class FileRequest(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    file_type = models.CharField(max_length=100, blank=True)
    criteria = models.TextField(blank=True)
    # A file that only its requester may fetch is nobody's when they are gone.
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

    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True)
    run_after = models.DateTimeField(default=timezone.now)
    leased_until = models.DateTimeField(null=True, blank=True)
    lease = models.CharField(max_length=32, blank=True)
    progress_done = models.BigIntegerField(default=0)
    progress_total = models.BigIntegerField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = FileRequestManager()

    #: The lease that this process holds; the field says only that somebody does.
    held: str = ""
    #: When `report` last wrote, by the monotonic clock.
    reported_at: float | None = None

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["state", "created_at"], name="bgfiles_queue"),
            models.Index(fields=["expires_at"], name="bgfiles_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.filename or self.file_type or 'file'} {self.id}"

    def report(self, done: int, total: int | None = None) -> None:
        """Tell how much of how much is done, in any unit, and keep the lease.

        May be called for every row: it writes once a second. Raises LeaseLost when another worker
        has the request by now, or nobody any more.
        """
        from django_minio_backend.bgfiles import leases

        self.progress_done, self.progress_total = done, total
        leases.renew(self)

    def delete(
        self, using: str | None = None, keep_parents: bool = False, **still: Any
    ) -> tuple[int, dict[str, int]]:
        """Delete the row and its file. Raises, and leaves both, when the storage fails.

        Within a transaction the file goes when that is committed, and a storage that fails then is
        logged. Nothing is deleted unless the row has the values `still`.
        """
        pk, database = self.pk, using or database_of(self)
        later = transaction.get_connection(database).in_atomic_block
        try:
            with transaction.atomic(using=database):
                # It may have got a file since it was read.
                rows = FileRequest._base_manager.using(database).select_for_update()
                row = rows.filter(pk=pk, **still).values_list("filehandle").first()
                if row is None:
                    return 0, {}
                deleted = super().delete(using=database, keep_parents=keep_parents)
                if row[0]:
                    self._delete_file(row[0], database if later else None)
        except BaseException:
            self.pk = pk  # which Django takes from what it deletes
            raise
        return deleted

    def _delete_file(self, name: str, database: str | None) -> None:
        storage = self.filehandle.storage
        if database is None:
            storage.delete(name)
        else:
            transaction.on_commit(lambda: discard(storage, name), using=database)
