from __future__ import annotations

from django.contrib import admin

from examples.attachments.models import PrivateAttachment, PublicAttachment


@admin.register(PrivateAttachment, PublicAttachment)
class AttachmentAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    list_display = ["__str__", "file", "uploaded_at"]
