from datetime import datetime, timedelta, timezone
from math import sin

from django.db import migrations

ROWS = 50_000
SENSORS = 50


def add_readings(apps, schema_editor):
    Reading = apps.get_model("exports", "Reading")
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    readings = (
        Reading(
            sensor=1 + number % SENSORS,
            taken_at=start + timedelta(minutes=number // SENSORS),
            celsius=round(15 + 10 * sin(number / 700), 2),
        )
        for number in range(ROWS)
    )
    Reading.objects.bulk_create(readings, batch_size=5000)


class Migration(migrations.Migration):
    dependencies = [("exports", "0001_initial")]
    operations = [migrations.RunPython(add_readings, migrations.RunPython.noop)]
