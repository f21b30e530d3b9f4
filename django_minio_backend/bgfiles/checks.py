"""System checks: each message has one factory and one id, which is never given to another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage
from django.db import DatabaseError, router
from django.urls import NoReverseMatch, reverse

from django_minio_backend import MinioBackend
from django_minio_backend.bgfiles import conf
from django_minio_backend.bgfiles.models import (
    OPEN,
    STORAGE_ALIAS,
    FileRequest,
    find_storage,
)
from django_minio_backend.bgfiles.patterns import FullPattern, registry

no_storage = partial(checks.Error, id="bgfiles.E001")
no_urls = partial(checks.Warning, id="bgfiles.W005")
unregistered_pattern = partial(checks.Warning, id="bgfiles.W001")
hostless_links = partial(checks.Warning, id="bgfiles.W004")
unregistered_rows = partial(checks.Warning, id="bgfiles.W002")
default_salt = partial(checks.Warning, id="bgfiles.W003")


def register_all() -> None:
    checks.register(check_storage, Tags.files)
    checks.register(check_patterns, Tags.models)
    checks.register(check_links, Tags.urls)
    checks.register(check_rows, Tags.database)
    checks.register(check_salt, Tags.security, deploy=True)


def check_storage(**kwargs: Any) -> list[CheckMessage]:
    """Check that the storage of the files can be made."""
    try:
        storage = find_storage()
        if isinstance(storage, MinioBackend):
            _ = storage.options  # raises if the alias is wrong
        if isinstance(storage, Storage):
            return []
        why = "it is no Storage"
    except Exception as error:  # whatever a storage raises when it is made
        why = f"{type(error).__name__}: {error}"
    declared = STORAGE_ALIAS in settings.STORAGES
    return [
        no_storage(
            f"The storage of background files cannot be used: {why}",
            hint=f"Correct STORAGES['{STORAGE_ALIAS if declared else 'default'}'].",
        )
    ]


def check_patterns(**kwargs: Any) -> list[CheckMessage]:
    """Check that each pattern is registered."""
    return [
        unregistered_pattern(
            f"The type {pattern.file_type!r} of {pattern.__module__}.{pattern.__qualname__} is "
            "not registered: workers leave its requests alone.",
            hint="Call registry.register() in AppConfig.ready().",
        )
        for pattern in _list_subclasses(FullPattern)
        if pattern.file_type and pattern.file_type not in registry.handlers
    ]


def check_links(**kwargs: Any) -> list[CheckMessage]:
    """Check that the links in e-mails lead to a view, and have a host."""
    linking = [
        f"{pattern.__module__}.{pattern.__qualname__}"
        for pattern in _list_subclasses(FullPattern)
        if pattern.email_subject
        and pattern.download_url is None
        and pattern.get_download_url is FullPattern.get_download_url
    ]
    if not _has_urls():
        return [
            no_urls(
                f"No e-mail of {name} can be sent: it links to a view that is not among the "
                "site's URLs.",
                hint='Add path("files/", include("django_minio_backend.bgfiles.urls")) to your '
                "URLs, or set its download_url.",
            )
            for name in linking
        ]
    if apps.is_installed("django.contrib.sites"):
        return []
    return [
        hostless_links(
            f"The e-mails of {name} have a link without a host.",
            hint="Set its download_url, or install django.contrib.sites.",
        )
        for name in linking
    ]


def _has_urls() -> bool:
    try:
        reverse("bgfiles:serve", kwargs={"token": "token"})
    except (NoReverseMatch, AttributeError, ImproperlyConfigured):  # it may have no URLs at all
        return False
    return True


def _list_subclasses(pattern: type[FullPattern]) -> Iterator[type[FullPattern]]:
    for subclass in pattern.__subclasses__():
        yield subclass
        yield from _list_subclasses(subclass)


def check_rows(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Check that no request waits for an unregistered type; `check --database`, and `migrate`."""
    using = router.db_for_read(FileRequest)
    if using not in (databases or []):
        return []
    waiting = FileRequest.objects.using(using).filter(state__in=OPEN).order_by()
    types = waiting.exclude(file_type__in=registry.handlers).values_list("file_type", flat=True)
    try:
        waiting_types = list(types.distinct())
    except DatabaseError:  # `migrate` has not made or changed the table yet
        return []
    return [
        unregistered_rows(
            f"Requests of the type {file_type!r} wait, and it is not registered.",
            hint="Register a pattern for the type, or delete the requests in the admin.",
        )
        for file_type in waiting_types
    ]


def check_salt(**kwargs: Any) -> list[CheckMessage]:
    """Check that the project has a salt of its own for tokens; `check --deploy`."""
    if conf.get_signer() is not None or conf.get_salt() != conf.DEFAULT_SALT:
        return []
    return [
        default_salt(
            "Tokens of background files are signed with the default salt.",
            hint="Set BGFILES_DEFAULT_SALT to a value of your own.",
        )
    ]
