from __future__ import annotations

from typing import Any

from django import forms

from django_minio_backend.direct.forms import DirectFileFormField
from tests.clips.models import Clip, Note, Scene


class ClipForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Clip
        fields = ("title", "file")

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.read(6) == b"refuse":
            raise forms.ValidationError("Not this one.")
        return file


class SceneForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Scene
        fields = ("still",)


class NoteForm(forms.ModelForm):  # type: ignore[type-arg]
    """A FileField's form, with a field that takes uploads."""

    file = DirectFileFormField(max_size=2**20)

    class Meta:
        model = Note
        fields = ("file",)


class ManyForm(forms.Form):
    clips = DirectFileFormField(multiple=True, required=False)
