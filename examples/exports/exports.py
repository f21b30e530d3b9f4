"""The table as CSV and as a workbook: at once when it is little, else in the background."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from django_minio_backend.bgfiles.patterns import Criteria, Dataset, FullPattern, InvalidForm
from examples.exports.forms import ExportForm
from examples.exports.models import Reading

HEAD = ["sensor", "taken at", "°C"]
# Rows that a browser is let wait for.
AT_ONCE = 5_000


class ReadingExport(FullPattern):
    delayed_template_name = "exports/waiting.html"

    def get_items(self, criteria: Criteria) -> QuerySet[Reading]:
        form = ExportForm(criteria.raw)
        if not form.is_valid():
            raise InvalidForm(form)
        return form.readings()

    def evaluate_dataset(self, dataset: Dataset, http_request: HttpRequest) -> None:
        dataset.delay = dataset.items.count() > AT_ONCE

    def rows(self, dataset: Dataset) -> Iterator[list[Any]]:
        """Yield the rows, and tell how far they are."""
        yield HEAD
        total = dataset.items.count()
        for number, row in enumerate(dataset.items.iterator(chunk_size=1000), 1):
            yield [row.sensor, row.taken_at.replace(tzinfo=None), row.celsius]
            dataset.report(number, total)


class CsvExport(ReadingExport):
    file_type = "readings-csv"
    content_type = "text/csv"

    def write_bytes(self, dataset: Dataset, buffer: Any) -> None:
        text = io.TextIOWrapper(buffer, encoding="utf-8", newline="")
        csv.writer(text).writerows(self.rows(dataset))
        text.flush()


class XlsxExport(ReadingExport):
    """Rows go to a temporary file as they come: a workbook of any size takes little memory."""

    file_type = "readings-xlsx"
    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    def write_bytes(self, dataset: Dataset, buffer: Any) -> None:
        import openpyxl

        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet("Readings")
        for row in self.rows(dataset):
            sheet.append(row)
        book.save(buffer)


EXPORTS: dict[str, type[ReadingExport]] = {"csv": CsvExport}
if find_spec("openpyxl"):
    EXPORTS["xlsx"] = XlsxExport
