"""A form field for files that the browser has uploaded, or posts to Django as ever."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, SignatureExpired
from django.db.models.fields.files import FieldFile
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from django_minio_backend.direct import conf
from django_minio_backend.direct.files import DirectUpload, Receipt, choose_type
from django_minio_backend.direct.middleware import find_user
from django_minio_backend.direct.targets import Target
from django_minio_backend.errors import StorageError

logger = logging.getLogger("django_minio_backend.direct")


class _Script:
    """The tag of the script, which is a module. It works with a strict CSP."""

    path = "direct_uploads/direct-upload.js"

    def __html__(self) -> SafeString:
        return format_html('<script type="module" src="{}"></script>', static(self.path))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Script)

    def __hash__(self) -> int:
        return hash(self.path)


class PostedReceipts(list[str]):
    """The receipts that a form carries, as they came."""


class DirectFileInput(forms.ClearableFileInput):
    """A file input whose file the browser uploads when it is chosen.

    Without JavaScript it is a file input as ever. A form that is shown again keeps its uploads.
    """

    template_name = "direct_uploads/input.html"
    #: Set by the form field.
    target = Target()

    class Media:
        css = {"all": ["direct_uploads/direct-upload.css"]}
        js = [_Script()]

    def __init__(self, attrs: dict[str, Any] | None = None, *, multiple: bool = False) -> None:
        self.allow_multiple_selected = multiple
        #: The receipts that the form has refused. It does not show them again.
        self.refused: set[str] = set()
        super().__init__({**(attrs or {}), **({"multiple": True} if multiple else {})})

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        receipts = self._list_receipts(value)
        context = super().get_context(name, None if receipts else value, attrs)
        widget = context["widget"]
        # The browser must not ask again for a file that is there.
        is_required = bool(receipts) and bool(widget["attrs"].pop("required", False))
        if self.target.content_types:
            widget["attrs"].setdefault("accept", ",".join(self.target.content_types))
        context["direct"] = self.target.takes_uploads and {
            "begin": reverse("direct_uploads:begin"),
            "token": self.target.to_token(find_user()),
            "field": _name_receipts(name),
            "max_size": self.target.max_size,
            "receipts": receipts,
            "is_required": is_required,
            "texts": {key: str(text) for key, text in _TEXTS.items()},
        }
        return context

    def _list_receipts(self, value: Any) -> list[DirectUpload]:
        """Return the uploads among a value that a form is shown again with."""
        values: list[Any] = list(value) if isinstance(value, list | tuple) else [value]
        uploads = [upload for upload in map(_restore, values) if upload is not None]
        return [upload for upload in uploads if upload.token not in self.refused]

    def __deepcopy__(self, memo: dict[int, Any]) -> DirectFileInput:
        twin: DirectFileInput = super().__deepcopy__(memo)
        twin.refused = set()
        return twin

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        key = _name_receipts(name)
        posted = data.getlist(key) if hasattr(data, "getlist") else data.get(key, [])
        posted = [posted] if isinstance(posted, str) else posted
        if receipts := PostedReceipts(filter(None, posted)):
            return receipts
        if self.allow_multiple_selected and hasattr(files, "getlist"):
            return files.getlist(name) or super().value_from_datadict(data, files, name)
        return super().value_from_datadict(data, files, name)

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        omitted = super().value_omitted_from_data(data, files, name)
        return omitted and _name_receipts(name) not in data


def _name_receipts(name: str) -> str:
    return f"{name}-receipt"


def _restore(value: Any) -> DirectUpload | None:
    if isinstance(value, DirectUpload):
        return value
    if not isinstance(value, str):
        return None
    try:
        return DirectUpload(Receipt.from_token(value), value)
    except BadSignature:
        return None


_TEXTS = {
    "preparing": gettext_lazy("Preparing"),
    "progress": gettext_lazy("{percent} %, {rate} a second, {left} left"),
    "paused": gettext_lazy("Paused at {percent} %"),
    "waiting": gettext_lazy("Connection lost. Trying again in {seconds} s"),
    "finishing": gettext_lazy("Finishing"),
    "done": gettext_lazy("Uploaded, {size}"),
    "queued": gettext_lazy("The form is sent when the upload is done."),
    "unsettled": gettext_lazy("Finish or remove the uploads first."),
    "failed": gettext_lazy("The upload failed."),
    "session": gettext_lazy("You are logged out: log in, and load the page."),
    "too-large": gettext_lazy("The file is too large. The most is {size}."),
    "pause": gettext_lazy("Pause"),
    "resume": gettext_lazy("Continue"),
    "cancel": gettext_lazy("Cancel"),
    "remove": gettext_lazy("Remove"),
    "retry": gettext_lazy("Try again"),
    "of": gettext_lazy("{action}: {name}"),
}


class DirectFileFormField(forms.FileField):
    """A FileField whose file may have been uploaded already.

    `storage` is an alias of STORAGES. `max_size` is bytes. `content_types` are patterns such as
    "image/*". With `multiple` the value is a list. Validators and `clean_<field>` get readable
    Files.
    """

    widget = DirectFileInput
    default_error_messages = {
        "gone": gettext_lazy("The upload is gone: choose the file again."),
        "foreign": gettext_lazy("The upload is not one of this form: choose the file again."),
        "expired": gettext_lazy("The upload is too old: choose the file again."),
        "too_many": gettext_lazy("These are too many files. The most is %(most)d."),
        "storage": gettext_lazy("The file server does not answer. Try again later."),
    }

    def __init__(
        self,
        *,
        storage: str = "default",
        max_size: int | None = None,
        content_types: Sequence[str] = (),
        multiple: bool = False,
        target: Target | None = None,
        **keywords: Any,
    ) -> None:
        self.target = target or Target("", storage, max_size, tuple(content_types))
        self.multiple = multiple
        keywords.setdefault("widget", DirectFileInput(multiple=multiple))
        super().__init__(**keywords)
        if isinstance(self.widget, DirectFileInput):
            self.widget.target = self.target

    def clean(self, data: Any, initial: Any = None) -> Any:
        if isinstance(data, list) and not data:
            data = None
        return super().clean(data, initial)

    def to_python(self, data: Any) -> Any:
        items = list(data) if isinstance(data, list) else [data]
        # Each receipt costs a request. A single file is the one that was chosen last.
        items = list(dict.fromkeys(items)) if self.multiple else items[-1:]
        if len(items) > (most := settings.DATA_UPLOAD_MAX_NUMBER_FILES or len(items)):
            raise ValidationError(
                self.error_messages["too_many"], code="too_many", params={"most": most}
            )
        files = [file for file in map(self._read, items) if file is not None]
        if self.multiple:
            return files or None
        return files[-1] if files else None

    def _read(self, item: Any) -> Any:
        if isinstance(item, FieldFile):
            return item  # the file of a disabled field, which was checked when it came
        file = super().to_python(self._redeem(item) if isinstance(item, str) else item)
        if file is not None:
            kind = getattr(file, "content_type", None) or ""
            if self.target.takes_uploads:
                kind = choose_type(self.target.find_storage(), str(file.name), kind)
            self.target.check(file.size, kind)
        return file

    def _redeem(self, token: str) -> DirectUpload:
        """Return the upload of a receipt, after one request. It must be this user's and field's."""
        try:
            return self._look_at(token)
        except ValidationError as error:
            if isinstance(self.widget, DirectFileInput) and error.code != "storage":
                self.widget.refused.add(token)
            raise

    def _look_at(self, token: str) -> DirectUpload:
        try:
            receipt = Receipt.from_token(token)
        except SignatureExpired:
            raise self._make_error("expired") from None
        except BadSignature:
            raise self._make_error("foreign") from None
        if (receipt.user, receipt.target) != (find_user(), self.target):
            raise self._make_error("foreign")
        upload = DirectUpload(receipt, token)
        try:
            is_there = upload.exists()
        except StorageError as error:
            logger.error("An upload cannot be looked at: %s", error)
            raise self._make_error("storage") from error
        if not is_there:
            raise self._make_error("gone")
        if (scan := conf.get_scan()) is not None:
            self._scan(scan, upload)
        return upload

    def _scan(self, scan: Any, upload: DirectUpload) -> None:
        """Let the project look at a file. If it refuses the file, the upload is deleted."""
        try:
            scan(upload)
        except ValidationError:
            upload.close()
            upload.storage.delete(upload.pending_name)
            raise

    def _make_error(self, code: str) -> ValidationError:
        return ValidationError(self.error_messages[code], code=code)

    def run_validators(self, value: Any) -> None:
        for file in value if self.multiple and isinstance(value, list) else [value]:
            super().run_validators(file)

    def bound_data(self, data: Any, initial: Any) -> Any:
        # The uploads of a form that is shown again; a posted file is lost, as ever.
        return data if isinstance(data, PostedReceipts) else super().bound_data(data, initial)
