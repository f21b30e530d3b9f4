from __future__ import annotations

from django import forms

from django_minio_backend.direct.forms import DirectFileFormField
from examples.attachments.models import Attachment, PrivateAttachment, PublicAttachment

MODELS: dict[str, type[Attachment]] = {"private": PrivateAttachment, "public": PublicAttachment}


class UploadForm(forms.Form):
    file = DirectFileFormField(max_length=200)
    visibility = forms.ChoiceField(
        choices=[("private", "Private"), ("public", "Public")],
        initial="private",
        widget=forms.RadioSelect,
    )

    def save(self) -> bool:
        """Store the file; a failure of the server becomes an error of the field."""
        attachment = MODELS[self.cleaned_data["visibility"]]()
        attachment.file = self.cleaned_data["file"]
        try:
            attachment.save()
        except OSError as error:
            self.add_error("file", f"The file was not stored. {error}")
        return self.is_valid()
