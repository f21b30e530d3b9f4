"""The files that other apps derive from those of FileFields, as far as their registries tell.

Such files are in no FileField: thumbnails, images in other sizes, files of former rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.files.storage import Storage
from django.db.models import Model

from django_minio_backend.storage import dual

# Apps whose files nothing here can find, by their package.
_UNRESOLVED = {
    "ckeditor_uploader": "django-ckeditor",
    "django_ckeditor_5": "django-ckeditor-5",
    "photologue": "django-photologue",
    "pictures": "django-pictures",
    "reversion": "django-reversion",
    "thumbnails": "django-thumbnails",
}


def derive_names(field: Any, name: str) -> Iterator[str]:
    """Yield the names of the files that a field itself derives from a file.

    They are the variations of django-stdimage.
    """
    name_variation = getattr(getattr(field, "attr_class", None), "get_variation_name", None)
    if name_variation is not None:
        for variation in getattr(field, "variations", {}):
            yield name_variation(name, variation)


def find_history(model: type[Model]) -> type[Model] | None:
    """Return the model of django-simple-history with the former rows of this one."""
    manager = getattr(model._meta, "simple_history_manager_attribute", None)
    history: type[Model] | None = getattr(model, manager).model if manager else None
    return history


def list_field_storages(field: Any) -> list[Storage]:
    """Return the storages that may hold a field's files.

    A field of django-filer has two, public and private. A DualReadStorage stands for both of its
    storages.
    """
    several = getattr(field, "storages", None)
    storages = [field.storage, *(several.values() if isinstance(several, dict) else [])]
    return [part for storage in storages for part in dual.list_parts(storage)]


def list_registered_names() -> Iterator[str]:
    """Yield the names in the tables of easy-thumbnails, of all storages."""
    if apps.is_installed("easy_thumbnails"):
        thumbnails: Any = apps.get_app_config("easy_thumbnails").get_model("Thumbnail")
        yield from thumbnails._base_manager.values_list("name", flat=True).iterator()


def list_cache_patterns() -> list[str]:
    """Return glob patterns for the folders of image caches."""
    patterns = []
    if apps.is_installed("imagekit"):
        patterns.append(_match_below(getattr(settings, "IMAGEKIT_CACHEFILE_DIR", "CACHE/images")))
    if apps.is_installed("sorl.thumbnail"):
        patterns.append(_match_below(getattr(settings, "THUMBNAIL_PREFIX", "cache/")))
    if apps.is_installed("versatileimagefield"):
        versatile = getattr(settings, "VERSATILEIMAGEFIELD_SETTINGS", {})
        for kind in ("sized", "filtered"):
            folder = versatile.get(f"{kind}_directory_name", f"__{kind}__")
            patterns += [f"{folder}/*", f"*/{folder}/*"]
    return patterns


def list_pending_prefixes() -> list[str]:
    """Return the prefixes of direct uploads, which have a command of their own that cleans."""
    if not apps.is_installed("django_minio_backend.direct"):
        return []
    config: Any = apps.get_app_config("direct_uploads")
    return [config.pending_prefix]


def list_unresolved() -> list[str]:
    """Return the installed packages whose files nothing here can find."""
    return [package for app, package in _UNRESOLVED.items() if apps.is_installed(app)]


def _match_below(folder: str) -> str:
    return f"{folder.strip('/')}/*"
