"""The limits and the storage of a field: the same for page, views and form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.files.storage import storages
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from django_minio_backend import MinioBackend
from django_minio_backend.direct import tokens

#: The largest object of S3, in bytes.
LARGEST = 5 * 2**40


@dataclass(frozen=True)
class Target:
    """A field that takes uploads. Sizes are bytes.

    `label` is "app.Model.field", or "" for a form field without a model. Then `alias` is its
    storage in STORAGES.
    """

    label: str = ""
    alias: str = "default"
    max_size: int | None = None
    #: Patterns such as "image/*". None of them: any type.
    content_types: tuple[str, ...] = ()

    def to_data(self) -> dict[str, Any]:
        """Return the content of a token."""
        return {"l": self.label, "a": self.alias, "m": self.max_size, "c": [*self.content_types]}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Target:
        return cls(data["l"], data["a"], data["m"], tuple(data["c"]))

    def to_token(self, user: str) -> str:
        """Return the token of a page, which lets this user ("" for nobody) upload to the field."""
        return tokens.sign(tokens.FIELD, {"u": user, "t": self.to_data()})

    @property
    def takes_uploads(self) -> bool:
        """False for a storage of another package, such as a disk while a site is developed."""
        try:
            self.find_storage()
        except ImproperlyConfigured:
            return False
        return True

    def find_storage(self) -> MinioBackend:
        """Return the storage of the field. Raises ImproperlyConfigured if it is none of ours."""
        if self.label:
            app, model, name = self.label.split(".")
            field: Any = apps.get_model(app, model)._meta.get_field(name)
            storage = field.storage
        else:
            storage = storages[self.alias]
        if not isinstance(storage, MinioBackend):
            where = self.label or f"STORAGES[{self.alias!r}]"
            raise ImproperlyConfigured(f"{where}: direct uploads need a MinioBackend.")
        if storage.s3.holds_key:
            raise ImproperlyConfigured(
                f"{self.label or self.alias}: its files are encrypted with a key that browsers "
                "must not have."
            )
        return storage

    def check(self, size: int, content_type: str) -> None:
        """Raise ValidationError for a file that the field does not accept."""
        limit = LARGEST if self.max_size is None else self.max_size
        if size > limit:
            raise ValidationError(
                _("The file has %(size)s, and the most is %(limit)s."),
                code="too_large",
                params={"size": filesizeformat(size), "limit": filesizeformat(limit)},
            )
        essence = content_type.partition(";")[0].strip().lower()
        if self.content_types and not any(fnmatchcase(essence, p) for p in self.content_types):
            raise ValidationError(
                _("Files of the type %(type)s are not accepted. These are: %(types)s."),
                code="wrong_type",
                params={"type": essence, "types": ", ".join(self.content_types)},
            )
