"""The names that projects import, and call, are where the documentation of version 5 shows them.

tests/yesterday/test_code.py compares with the names of versions 3 and 4.
"""

from __future__ import annotations

import pytest
from django.utils.module_loading import import_string

PACKAGE = "django_minio_backend"
NAMES = {
    "": "MinioBackend MinioBackendStatic MinioBackendStaticManifest DualReadStorage"
    " DjangoMinioBackendConfig get_iso_date iso_date_prefix",
    "models": "MinioBackend MinioBackendStatic MinioBackendStaticManifest DualReadStorage S3File"
    " get_iso_date iso_date_prefix",
    "apps": "DjangoMinioBackendConfig",
    "utils": "MinioServerStatus PrivatePublicMixedError ConfigurationError get_setting",
    "errors": "ConfigurationError PrivatePublicMixedError StorageError ObjectNotFound ObjectExists"
    " ObjectChanged InvalidObjectName BucketNotFound BucketTaken AccessDenied InvalidCredentials"
    " WrongRegion ClockSkew Throttled UploadNotFound StorageFull IntegrityError NotSupported"
    " ServerUnreachable ServerFault UnexpectedAnswer",
    "health_check": "MinioHealthCheck",
    "urls": "urlpatterns",
    "dual_urls": "urlpatterns",
    "ranges": "parse_range",
    "bgfiles.urls": "urlpatterns",
    "bgfiles.models": "FileRequest",
    "bgfiles.toolbox": "add_request attach_file create_token create_general_token JSONSerializer",
    "bgfiles.patterns": "FullPattern registry",
    "bgfiles.patterns.celery": "ScheduleWithCeleryPattern",
    "bgfiles.patterns.tasks": "ScheduleWithTasksPattern",
    "bgfiles.views": "SignatureHasExpired SuspiciousToken UserIsNotRequester serve_file",
}
METHODS = (
    "save open open_range exists size stat delete listdir prefetch save_many delete_many"
    " delete_prefix url presigned_post name_from_url is_minio_available start_parts sign_parts"
    " list_parts finish_parts abort_parts copy_file save_new"
)


@pytest.mark.parametrize(
    "dotted",
    [
        ".".join(filter(None, (PACKAGE, module, name)))
        for module, names in NAMES.items()
        for name in names.split()
    ],
)
def test_a_public_name_can_be_imported(dotted: str) -> None:
    if "health_check" in dotted:
        pytest.importorskip("health_check")
    assert import_string(dotted) is not None


@pytest.mark.parametrize("name", METHODS.split())
def test_a_public_method_is_there(name: str) -> None:
    assert callable(getattr(import_string(f"{PACKAGE}.MinioBackend"), name))
