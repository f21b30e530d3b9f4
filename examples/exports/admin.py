from __future__ import annotations

from django.contrib import admin

from examples.exports.models import Reading


@admin.register(Reading)
class ReadingAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    list_display = ["sensor", "taken_at", "celsius"]
