from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import include, path

from examples.attachments.views import index, stream
from examples.exports.views import exports


def favicon(request: HttpRequest) -> HttpResponse:
    return redirect(static("attachments/favicon.svg"))


urlpatterns = [
    path("", index, name="index"),
    path("private/<int:pk>", stream, name="stream"),
    path("exports/", exports, name="exports"),
    path("exports/files/", include("django_minio_backend.bgfiles.urls")),
    path("uploads/", include("django_minio_backend.direct.urls")),
    path("admin/", admin.site.urls),
    path("healthz/", include("django_minio_backend.urls")),
    path("favicon.ico", favicon),
]
