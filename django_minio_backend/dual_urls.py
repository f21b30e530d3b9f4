"""`path("files/", include("django_minio_backend.dual_urls"))`, for DualReadStorage's links."""

from __future__ import annotations

from django.urls import path

from django_minio_backend import views

app_name = "dual"
urlpatterns = [path("<str:token>", views.dual_file, name="file")]
