from __future__ import annotations

from django.urls import path

from django_minio_backend.bgfiles import views

app_name = "bgfiles"
urlpatterns = [
    path("<uuid:pk>/status/", views.status, name="status"),
    path("<str:token>/status/", views.status, name="status"),
    path("<str:token>/", views.download, name="serve"),
]
