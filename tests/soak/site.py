"""A site of one view, which saves, reads, links and deletes a file. For `make soak`."""

from __future__ import annotations

import os
import uuid

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.files.base import ContentFile
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY="soak",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    LOGGING_CONFIG=None,
    INSTALLED_APPS=["django_minio_backend"],
    STORAGES={
        "default": {
            "BACKEND": "django_minio_backend.models.MinioBackend",
            "OPTIONS": {
                "MINIO_ENDPOINT": os.environ["SOAK_ENDPOINT"],
                "MINIO_ACCESS_KEY": os.environ["SOAK_ACCESS_KEY"],
                "MINIO_SECRET_KEY": os.environ["SOAK_SECRET_KEY"],
                "MINIO_DEFAULT_BUCKET": "soak",
                "MINIO_PRIVATE_BUCKETS": ["soak"],
            },
        }
    },
)
django.setup()

from django.core.files.storage import default_storage  # noqa: E402

# The parent of forked workers has connections of its own.
default_storage.save("of-the-parent.txt", ContentFile(b"x"))
LARGE = b"x" * 3 * 2**20


def use_files(request: HttpRequest) -> HttpResponse:
    content = LARGE if "large" in request.GET else b"small"
    name = default_storage.save(f"{uuid.uuid4()}.bin", ContentFile(content))
    with default_storage.open(name) as file:
        is_same = file.read() == content
    is_there = default_storage.exists(name) and bool(default_storage.url(name))
    default_storage.delete(name)
    done = is_same and is_there and not default_storage.exists(name)
    return HttpResponse(status=200 if done else 500)


urlpatterns = [path("", use_files)]
wsgi: WSGIHandler = get_wsgi_application()
asgi: ASGIHandler = get_asgi_application()
