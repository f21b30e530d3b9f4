from __future__ import annotations

from django.db import models


class Reading(models.Model):
    """One of very many: what a sensor measured. A migration makes some to export."""

    sensor = models.PositiveIntegerField()
    taken_at = models.DateTimeField()
    celsius = models.FloatField()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"sensor {self.sensor}: {self.celsius:.1f} °C"
