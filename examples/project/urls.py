from __future__ import annotations

from django.contrib import admin
from django.urls import path

from examples.attachments.views import index, stream

urlpatterns = [
    path("", index, name="index"),
    path("private/<int:pk>", stream, name="stream"),
    path("admin/", admin.site.urls),
]
