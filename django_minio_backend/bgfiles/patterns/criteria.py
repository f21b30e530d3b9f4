"""The content of an export: criteria that a row can hold, and the items that they select."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.forms import BaseForm
from django.http import HttpRequest, QueryDict

from django_minio_backend.bgfiles.models import FileRequest

_CSRF = "csrfmiddlewaretoken"


class InvalidForm(Exception):
    """The criteria are not valid. `form` has the errors."""

    def __init__(self, form: BaseForm) -> None:
        super().__init__("the criteria are not valid")
        self.form = form


class Criteria:
    """The posted values `raw`, a QueryDict, and the `user`, if any.

    A subclass for other criteria overrides all three methods.
    """

    def __init__(self, raw: Any, user: Any = None) -> None:
        self.raw = raw
        self.user = user

    def marshall(self) -> str:
        """Return the criteria as text, for the row."""
        values = self.raw.copy()
        values.pop(_CSRF, None)
        return str(values.urlencode())

    @classmethod
    def build(cls, http_request: HttpRequest) -> Criteria:
        raw = http_request.POST if http_request.method == "POST" else http_request.GET
        return cls(raw, getattr(http_request, "user", None))

    @classmethod
    def restore_from(cls, file_request: FileRequest) -> Criteria:
        return cls(QueryDict(file_request.criteria), file_request.requester)


@dataclass
class Dataset:
    """Criteria, their items, and the decision to make the file now or later."""

    criteria: Criteria
    items: Any = None
    delay: bool = False
    #: The request in the background; None while a browser waits for the file.
    file_request: FileRequest | None = None

    def report(self, done: int, total: int | None = None) -> None:
        """Report the progress; see `FileRequest.report`."""
        if self.file_request is not None:
            self.file_request.report(done, total)
