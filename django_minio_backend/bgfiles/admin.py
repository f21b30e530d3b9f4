from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import filesizeformat
from django.urls import path, reverse
from django.utils.html import format_html

from django_minio_backend.bgfiles.models import FileRequest, State
from django_minio_backend.bgfiles.patterns import registry
from django_minio_backend.bgfiles.responses import file_response

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[FileRequest]
else:
    _ModelAdmin = admin.ModelAdmin  # not generic at run time


@admin.register(FileRequest)
class FileRequestAdmin(_ModelAdmin):
    """See, retry and delete requests, and fetch their files."""

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
    fieldsets = (
        (None, {"fields": ("file", "state", "progress", "requester", "last_error")}),
        ("Request", {"fields": ("file_type", "criteria", "language", "time_zone")}),
        ("Times", {"fields": ("created_at", "run_after", "finished_at", "expires_at", "attempts")}),
    )
    actions = ("retry", "notify")

    @admin.display(description="progress")
    def progress(self, row: FileRequest) -> str:
        if not row.progress_total:
            return f"{row.progress_done:,}"
        percent = 100 * row.progress_done // row.progress_total
        return f"{row.progress_done:,} of {row.progress_total:,} ({percent} %)"

    @admin.display(description="file")
    def file(self, row: FileRequest) -> str:
        """Return a link to the file if the request is done, else the name of the file."""
        name = row.filename or PurePath(row.filehandle.name or "").name or "-"
        if row.state != State.DONE or not row.filehandle:
            return name
        address = reverse(f"{self.admin_site.name}:bgfiles_filerequest_file", args=[row.pk])
        size = "" if row.size is None else f" ({filesizeformat(row.size)})"
        return format_html('<a href="{}">{}</a>{}', address, name, size)

    def get_urls(self) -> list[Any]:
        serve = self.admin_site.admin_view(self.serve)
        serve_path = path("<uuid:pk>/file/", serve, name="bgfiles_filerequest_file")
        return [serve_path, *super().get_urls()]

    def serve(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        """Serve a file to a user who may see its request here."""
        row = get_object_or_404(self.get_queryset(request), pk=pk)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        return file_response(request, row)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow actions on rows, and no editing: the page of a row has nothing to save."""
        return obj is None and super().has_change_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may_change = super().has_change_permission(request)
        return may_change or super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [str(name) for _, group in self.fieldsets for name in group["fields"]]

    @admin.action(description="Try failed requests again", permissions=["change"])
    def retry(self, request: HttpRequest, queryset: QuerySet[FileRequest]) -> None:
        queued = 0
        for row in queryset:
            if row.requeue():
                queued += 1
                _schedule(row, request)
        self.message_user(request, f"{queued} queued again.", messages.SUCCESS)
        if skipped := len(queryset) - queued:
            self.message_user(request, f"{skipped} left alone: not failed.", messages.WARNING)

    @admin.action(description="Send the e-mail again", permissions=["change"])
    def notify(self, request: HttpRequest, queryset: QuerySet[FileRequest]) -> None:
        done = [row for row in queryset if row.state == State.DONE]
        sent = sum(registry.restore(row).notify(row) for row in done)
        self.message_user(request, f"{sent} sent again.", messages.SUCCESS)
        if skipped := len(queryset) - sent:
            text = f"{skipped} not sent: not done, or the log says why."
            self.message_user(request, text, messages.WARNING)


def _schedule(row: FileRequest, request: HttpRequest) -> None:
    pattern = registry.restore(row)
    transaction.on_commit(
        lambda: pattern.schedule(row, request, None), using=row.write_database, robust=True
    )
