from __future__ import annotations

from django.urls import path

from django_minio_backend.direct import views

app_name = "direct_uploads"
urlpatterns = [
    path("begin/", views.begin, name="begin"),
    path("resume/", views.resume, name="resume"),
    path("finish/", views.finish, name="finish"),
    path("cancel/", views.cancel, name="cancel"),
]
