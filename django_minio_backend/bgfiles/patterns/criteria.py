"""What an export is of: criteria that a row can keep, and the items that they select."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.forms import BaseForm
from django.http import HttpRequest, QueryDict

from django_minio_backend.bgfiles.models import FileRequest

_CSRF = "csrfmiddlewaretoken"


class InvalidForm(Exception):
    """The criteria are no good; `form` says why."""

    def __init__(self, form: BaseForm) -> None:
        super().__init__("the criteria are not valid")
        self.form = form


class Criteria:
    """What was asked for, `raw` as a QueryDict, and the `user` who asked, if any.

    A subclass for other criteria overrides all three methods.
    """

    def __init__(self, raw: Any, user: Any = None) -> None:
        self.raw = raw
        self.user = user

    def marshall(self) -> str:
        """Return what the row keeps."""
        kept = self.raw.copy()
        kept.pop(_CSRF, None)
        return str(kept.urlencode())

    @classmethod
    def build(cls, http_request: HttpRequest) -> Criteria:
        asked = http_request.POST if http_request.method == "POST" else http_request.GET
        return cls(asked, getattr(http_request, "user", None))

    @classmethod
    def restore_from(cls, file_request: FileRequest) -> Criteria:
        return cls(QueryDict(file_request.criteria), file_request.requester)


@dataclass
class Dataset:
    """Criteria, the items that they select, and whether their file is to be made later."""

    criteria: Criteria
    items: Any = None
    delay: bool = False
    #: The request that is being worked on; None while a browser waits for the file.
    file_request: FileRequest | None = None

    def report(self, done: int, total: int | None = None) -> None:
        """Tell how much of how much is written; see `FileRequest.report`."""
        if self.file_request is not None:
            self.file_request.report(done, total)
