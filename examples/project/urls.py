from __future__ import annotations

from django.contrib import admin
from django.urls import path

from examples.attachments.views import index

urlpatterns = [
    path("", index, name="index"),
    path("admin/", admin.site.urls),
]
