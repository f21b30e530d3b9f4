from __future__ import annotations

from django import forms
from django.db.models import QuerySet

from examples.exports.models import Reading


class ExportForm(forms.Form):
    sensor = forms.IntegerField(min_value=1, required=False, label="Sensor (empty: all)")

    def readings(self) -> QuerySet[Reading]:
        found = Reading._default_manager.all()
        if sensor := self.cleaned_data["sensor"]:
            found = found.filter(sensor=sensor)
        return found
