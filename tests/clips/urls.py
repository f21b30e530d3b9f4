from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from tests.clips import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("uploads/", include("django_minio_backend.direct.urls")),
    path("clips/", views.add_clip),
    path("many/", views.add_many),
    path("notes/", views.add_note),
    path("rollback/", views.add_and_roll_back),
]
