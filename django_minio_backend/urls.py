"""`path("healthz/", include("django_minio_backend.urls"))`"""

from __future__ import annotations

from django.urls import path

from django_minio_backend import views

app_name = "django_minio_backend"
urlpatterns = [path("", views.healthz, name="healthz")]
