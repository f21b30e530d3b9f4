from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from django_minio_backend.bgfiles import leases
from django_minio_backend.bgfiles.models import FileRequest, State, database_of
from django_minio_backend.bgfiles.patterns import registry

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[FileRequest]
else:
    _ModelAdmin = admin.ModelAdmin  # not generic at run time


@admin.register(FileRequest)
class FileRequestAdmin(_ModelAdmin):
    """See, retry and delete requests. The file is its requester's: there is no link to it."""

    list_display = (
        "__str__",
        "file_type",
        "requester",
        "state",
        "progress",
        "attempts",
        "created_at",
        "last_error",
    )
    list_filter = ("state", "file_type")
    list_select_related = ("requester",)
    search_fields = ("filename", "last_error")
    date_hierarchy = "created_at"
    exclude = ("filehandle", "lease")
    actions = ("retry", "notify")

    @admin.display(description="progress")
    def progress(self, row: FileRequest) -> str:
        if not row.progress_total:
            return f"{row.progress_done:,}"
        percent = 100 * row.progress_done // row.progress_total
        return f"{row.progress_done:,} of {row.progress_total:,} ({percent} %)"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [one.name for one in FileRequest._meta.fields if one.name not in self.exclude]

    @admin.action(description="Try failed requests again", permissions=["change"])
    def retry(self, request: HttpRequest, queryset: QuerySet[FileRequest]) -> None:
        queued = 0
        for row in queryset:
            if leases.requeue(row):
                queued += 1
                _schedule(row, request)
        self.message_user(request, f"{queued} queued again.", messages.SUCCESS)
        if left := len(queryset) - queued:
            self.message_user(request, f"{left} left alone: not failed.", messages.WARNING)

    @admin.action(description="Send the e-mail again", permissions=["change"])
    def notify(self, request: HttpRequest, queryset: QuerySet[FileRequest]) -> None:
        done = [row for row in queryset if row.state == State.DONE]
        sent = sum(registry.restore(row).notify(row) for row in done)
        self.message_user(request, f"{sent} sent again.", messages.SUCCESS)
        if left := len(queryset) - sent:
            text = f"{left} not sent: not done, or the log says why."
            self.message_user(request, text, messages.WARNING)


def _schedule(row: FileRequest, request: HttpRequest) -> None:
    pattern = registry.restore(row)
    transaction.on_commit(
        lambda: pattern.schedule(row, request, None), using=database_of(row), robust=True
    )
