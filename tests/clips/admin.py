from __future__ import annotations

from django.contrib import admin
from django.db import models

from django_minio_backend.direct.forms import DirectFileFormField, DirectFileInput
from tests.clips.models import Clip, Note, Scene


class SceneInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Scene
    extra = 1


@admin.register(Clip)
class ClipAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    inlines = (SceneInline,)


@admin.register(Note)
class NoteAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    formfield_overrides = {
        models.FileField: {"form_class": DirectFileFormField, "widget": DirectFileInput}
    }
