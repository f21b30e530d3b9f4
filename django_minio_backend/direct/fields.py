"""A FileField for files that the browser uploads. Its column and migrations are FileField's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import models, router
from django.db.models.fields.files import FieldFile

from django_minio_backend.direct.files import DirectUpload, find_place, make_final_name
from django_minio_backend.direct.forms import DirectFileFormField, DirectFileInput
from django_minio_backend.direct.targets import Target

if TYPE_CHECKING:
    from django.forms import Field as FormField

# Attributes of an instance: its files that are not published, and True while `save` runs.
_WAITING, _SAVING = "_direct_uploads", "_saves_direct_uploads"


class _Waiting(list[tuple["DirectFileField", DirectUpload, str]]):
    """The files of an instance that are not published. No copy of the instance takes them along."""

    def __reduce__(self) -> tuple[type[_Waiting], tuple[()]]:
        return _Waiting, ()

    def __deepcopy__(self, memo: object) -> _Waiting:
        return _Waiting()


class DirectFieldFile(FieldFile):
    field: DirectFileField

    def save(self, name: str, content: Any, save: bool = True) -> None:
        """Name an upload, and publish it when the row is committed. Save other files at once."""
        if (upload := self._find_upload(name, content)) is None:
            super().save(name, content, save)
            return
        wanted = self.field.generate_filename(self.instance, name)
        self.name = make_final_name(wanted, upload.suffix, self.field.max_length)
        setattr(self.instance, self.field.attname, self.name)
        self._committed = True
        waiting = self.instance.__dict__.setdefault(_WAITING, _Waiting())
        waiting.append((self.field, upload, self.name))
        if save:
            self.instance.save()

    save.alters_data = True  # type: ignore[attr-defined]

    def _find_upload(self, name: str, content: Any) -> DirectUpload | None:
        """Return the upload for content, None if it is to be saved as any other file."""
        target = self.field.target
        if not target.takes_uploads:
            return None
        if isinstance(content, DirectUpload):
            is_ours = find_place(content.storage) == find_place(target.find_storage())
            return content if is_ours else None
        return DirectUpload.store(target, name, content) if self.field.transactional else None


@cache
def _has_uploads(model: type[models.Model]) -> bool:
    """Return True if a model has a DirectFileField, its own or its parent's."""
    return any(isinstance(field, DirectFileField) for field in model._meta.concrete_fields)


def begin_saving(sender: type[models.Model], instance: models.Model, **keywords: Any) -> None:
    """Remember that `save` runs, for the signal `pre_save` of all models."""
    if _has_uploads(sender):
        instance.__dict__[_SAVING] = True


def end_saving(
    instance: models.Model, using: str, update_fields: Any = None, **keywords: Any
) -> None:
    """Publish the files of a row on commit, for the signal `post_save` of all models.

    A file that a rollback has left unpublished is published with the next save of the instance.
    """
    if instance.__dict__.pop(_SAVING, False):
        _publish_waiting(instance, using, update_fields)


def _publish_waiting(instance: models.Model, using: str, update_fields: Any = None) -> None:
    waiting = instance.__dict__.get(_WAITING, [])
    for field, upload, name in waiting:
        is_saved = update_fields is None or field.name in update_fields
        # The attribute may have got another file since.
        if is_saved and str(getattr(instance, field.attname)) == name:
            upload.publish_on_commit(name, using)
    waiting[:] = [entry for entry in waiting if entry[1].published_as != entry[2]]


class DirectFileField(models.FileField):
    """A FileField whose files come straight from the browser.

    `max_size` is bytes. `content_types` are patterns such as "video/*". They also hold for files
    that come through Django. The file of an upload gets its name when the row is committed. After
    a rollback nothing is left but an upload that expires. With `transactional` that holds for all
    files that are saved.
    """

    attr_class = DirectFieldFile

    def __init__(
        self,
        *args: Any,
        max_size: int | None = None,
        content_types: Sequence[str] = (),
        transactional: bool = False,
        **keywords: Any,
    ) -> None:
        self.transactional = transactional
        self.max_size = max_size
        self.content_types = tuple(content_types)
        super().__init__(*args, **keywords)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        """Return what a FileField does: the limits are none of the database's."""
        name, _, args, keywords = super().deconstruct()
        return name, "django.db.models.FileField", args, keywords

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        file = super().pre_save(model_instance, add)
        if _SAVING not in model_instance.__dict__:
            # `bulk_create` has no signal for a row that is there.
            using = model_instance._state.db or router.db_for_write(type(model_instance))
            _publish_waiting(model_instance, using)
        return file

    @property
    def target(self) -> Target:
        label = f"{self.model._meta.label}.{self.name}"
        return Target(label, "", self.max_size, self.content_types)

    def formfield(self, **keywords: Any) -> FormField:
        """Return a form field for uploads. The admin's own widget makes room for this one."""
        widget = keywords.get("widget")
        kind = widget if isinstance(widget, type) else type(widget)
        if not issubclass(kind, DirectFileInput):
            keywords["widget"] = DirectFileInput()
        defaults = {"form_class": DirectFileFormField, "target": self.target}
        return super().formfield(**{**defaults, **keywords})  # type: ignore[return-value]
