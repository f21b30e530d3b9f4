from __future__ import annotations

from typing import Any

import pytest
from django.apps.registry import Apps
from django.db import models

from django_minio_backend import MinioBackend, iso_date_prefix
from tests.checks.conftest import BROKEN, EAGER, FINE, declare, found
from tests.projects import Site


def model_with(field: models.Field[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    meta = type("Meta", (), {"app_label": "some_app", "apps": Apps()})
    body = {"__module__": __name__, "Meta": meta, "file": field}
    model = type("SomeModel", (models.Model,), body)
    monkeypatch.setattr(
        "django_minio_backend.references.fields.apps.get_models", lambda **keywords: [model]
    )


def test_a_field_whose_bucket_is_declared_nowhere_is_a_warning(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(settings, FINE)
    model_with(models.FileField(storage=MinioBackend("some-other-files")), monkeypatch)
    assert (
        "No storage declares the bucket 'some-other-files' of some_app.SomeModel.file"
        in found()["W003"]
    )
    model_with(models.FileField(storage=MinioBackend()), monkeypatch)
    assert found() == {}


def test_a_field_of_a_broken_default_storage_is_the_storages_error(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(settings, {**FINE, "MINIO_ENPOINT": 1})
    model_with(models.FileField(), monkeypatch)
    assert set(found()) == {"E001"}


def test_a_field_whose_own_keywords_are_wrong_is_listed(site: Site) -> None:
    site.settings(
        BROKEN.replace('"MINIO_ENPOINT": 1, "MINIO_RETRIES": "many"', "")
        .replace('"Bad_Name"', '"good-name"')
        .replace('"MINIO_SECRET_KEY": ""', "**SERVER")
    )
    site.write("shop/models", EAGER)
    printed = site.manage("check", fails=True)
    assert "shop.Doc.other: (django_minio_backend.E004)" in printed
    assert "holds the invalid bucket name 'No Bucket'" in printed


def name_by_row(instance: models.Model, filename: str) -> str:
    return f"avatars/{instance.pk}"


@pytest.mark.parametrize("upload_to", ["", "avatars/", iso_date_prefix, name_by_row])
@pytest.mark.parametrize("replace", [False, True])
def test_a_field_that_replaces_files_of_other_rows_is_a_warning(
    upload_to: Any, replace: bool, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(settings, FINE)
    storage = MinioBackend(replace_existing=replace)
    model_with(models.ImageField(storage=storage, upload_to=upload_to), monkeypatch)
    if replace and upload_to is not name_by_row:
        [[check, message]] = found().items()
        assert check == "W013"
        assert "some_app.SomeModel.file replaces files under names that" in message
    else:
        assert found() == {}


def test_options_of_a_fields_storage_that_have_no_effect_are_an_error(site: Site) -> None:
    site.settings("""
        STORAGES = {
            "default": {"BACKEND": MINIO, "OPTIONS": {**SERVER, "MINIO_PRIVATE_BUCKETS": [other]}},
            "staticfiles": {"BACKEND": STATIC, "OPTIONS": SERVER},
        }
        MINIO_PRIVATE_BUCKETS = ["top-level"]
        MINIO_MEDIA_FILES_BUCKET = "top-level-media"
    """)
    site.write(
        "shop/models",
        """
        from django.db import models
        from django_minio_backend import MinioBackend, iso_date_prefix
        def tagged():
            return MinioBackend(
                bucket_name=__import__("config").other,
                MINIO_BUCKETS={__import__("config").other: {"versioning": True}},
                MINIO_POLICY_HOOKS=[],
            )
        class Doc(models.Model):
            file = models.FileField(storage=tagged)
    """,
    )
    printed = site.manage("check", fails=True)
    assert (
        "(django_minio_backend.E010) MINIO_BUCKETS of the storage of shop.Doc.file has no"
        in printed
    )
    assert "(django_minio_backend.E010) MINIO_POLICY_HOOKS of the storage" in printed
    assert "(django_minio_backend.W001) The setting MINIO_PRIVATE_BUCKETS has no effect" in printed
    assert (
        "(django_minio_backend.W001) The setting MINIO_MEDIA_FILES_BUCKET has no effect" in printed
    )


def test_checks_leave_lazy_storages_alone(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.apps.registry import Apps
    from django.core import checks
    from django.utils.functional import SimpleLazyObject

    made: list[str] = []

    def make() -> Any:
        made.append("made")
        raise RuntimeError("not while checking")

    meta = type("Meta", (), {"app_label": "some_app", "apps": Apps()})
    field = models.FileField()
    field.storage = SimpleLazyObject(make)  # type: ignore[assignment]
    model = type(
        "SomeModel", (models.Model,), {"__module__": __name__, "Meta": meta, "file": field}
    )
    monkeypatch.setattr(
        "django_minio_backend.references.fields.apps.get_models", lambda **k: [model]
    )
    settings.STORAGES = {
        **settings.STORAGES,
        "old": {"BACKEND": "tests.checks.test_fields.Exploding"},
        "staticfiles": {
            **settings.STORAGES["default"],
            "BACKEND": "django_minio_backend.models.MinioBackendStatic",
        },
        "dual": {
            "BACKEND": "django_minio_backend.models.DualReadStorage",
            "OPTIONS": {"new": "default", "old": "old"},
        },
    }
    settings.ROOT_URLCONF = "tests.storage.test_dual"
    checks.run_checks()
    assert made == []


class Exploding:
    def __init__(self) -> None:
        raise RuntimeError("a check made somebody's storage")


class Media(MinioBackend):
    location = "media"


class Ours(Media):
    def __init__(self) -> None:
        super().__init__(MINIO_LOCATION=self.location)


class Named(MinioBackend):
    bucket_name = FINE["MINIO_DEFAULT_BUCKET"]


def test_attributes_of_django_storages_are_told(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(settings, FINE)
    model_with(models.FileField(storage=Media()), monkeypatch)
    message = found()["W014"]
    assert "Media.location, the storage of some_app.SomeModel.file, is not read" in message
    for storage in (Ours(), Named(), MinioBackend()):
        model_with(models.FileField(storage=storage), monkeypatch)
        assert "W014" not in found()
