"""`FullPattern`: one class responds with a file, or makes it later and sends the link."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import router, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import get_template
from django.utils.http import content_disposition_header

from django_minio_backend.bgfiles import files, toolbox
from django_minio_backend.bgfiles.leases import LeaseLost, describe
from django_minio_backend.bgfiles.models import FileRequest, safe_filename
from django_minio_backend.bgfiles.patterns.criteria import Criteria, Dataset
from django_minio_backend.bgfiles.patterns.notices import EmailNotice
from django_minio_backend.bgfiles.tokens import TokenSigner

logger = logging.getLogger("django_minio_backend.bgfiles")


class FullPattern(EmailNotice):
    """Respond with a file now, or make it in the background and send its requester the link.

    A subclass defines the export with `get_items`, `evaluate_dataset` and `write_bytes`.
    """

    file_type = ""
    content_type = ""
    criteria_class: type[Criteria] = Criteria
    delayed_template_name: str | None = None
    #: True: only the requester may use the token. False: anybody who has it may.
    requester_only = True
    signer: TokenSigner | None = None

    def __init__(self, filename: str = "") -> None:
        self.filename = filename

    # For subclasses to override

    def get_items(self, criteria: Criteria) -> Any:
        """Return the items to export, for a response now and for a file later."""
        raise NotImplementedError

    def evaluate_dataset(self, dataset: Dataset, http_request: HttpRequest) -> None:
        """Set `dataset.delay` if the export takes too long for a browser to wait."""

    def write_bytes(self, dataset: Dataset, buffer: Any) -> None:
        """Write the file to `buffer`, which takes bytes and cannot seek.

        Call `dataset.report(done, total)` to show the progress.
        """
        raise NotImplementedError

    def schedule(
        self, file_request: FileRequest, http_request: HttpRequest, dataset: Dataset | None
    ) -> None:
        """Start the work on a request after it is committed. By default the command `process` does.

        `dataset` is None if a failed request is tried again.
        """

    def get_file_type(self) -> str:
        return self.file_type

    def get_content_type(self) -> str:
        return self.content_type

    def get_filename(self) -> str:
        return self.filename

    def get_signer(self) -> TokenSigner | None:
        """Return the signer of the tokens. None stands for the default one."""
        return self.signer

    def is_requester_only(self) -> bool:
        return self.requester_only

    def get_delayed_template_name(self) -> str | None:
        return self.delayed_template_name

    def get_delayed_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the context of the delayed template: `file_request` and `dataset`."""
        return kwargs

    # In the view

    def respond_to(self, http_request: HttpRequest) -> tuple[bool, HttpResponse]:
        """Return True and the delayed template, or False and the file.

        Raises the errors of `get_items`, and PermissionDenied if the file comes later and nobody
        is logged in who could fetch it.
        """
        criteria = self.criteria_class.build(http_request)
        dataset = Dataset(criteria, self.get_items(criteria))
        self.evaluate_dataset(dataset, http_request)
        if dataset.delay:
            return True, self.respond_with_delay(http_request, dataset)
        return False, self.respond_with_file(http_request, dataset)

    def respond_with_file(self, http_request: HttpRequest, dataset: Dataset) -> HttpResponse:
        response = HttpResponse(content_type=self.get_content_type() or "application/octet-stream")
        filename = safe_filename(self.get_filename())
        response["Content-Disposition"] = content_disposition_header(True, filename)
        self.write_bytes(dataset, files.Output(response, lambda: None))
        return response

    def respond_with_delay(self, http_request: HttpRequest, dataset: Dataset) -> HttpResponse:
        user = getattr(http_request, "user", None)
        requester = user if user is not None and user.is_authenticated else None
        if requester is None and self.is_requester_only():
            raise PermissionDenied("Log in: only a user can fetch this file later.")
        # A missing template must be noticed before the request is stored.
        if not (template := self.get_delayed_template_name()):
            raise ImproperlyConfigured(f"{type(self).__name__} has no delayed_template_name.")
        get_template(template)
        database = router.db_for_write(FileRequest)
        with transaction.atomic(using=database):
            file_request = toolbox.add_request(
                dataset.criteria.marshall(),
                self.get_file_type(),
                requester,
                self.get_content_type(),
                self.get_filename(),
            )
            # If the queue is down, that is logged, and the row waits for the command.
            transaction.on_commit(
                lambda: self.schedule(file_request, http_request, dataset),
                using=database,
                robust=True,
            )
        return self.create_delayed_response(file_request, http_request, dataset)

    def create_delayed_response(
        self, file_request: FileRequest, http_request: HttpRequest, dataset: Dataset
    ) -> HttpResponse:
        context = self.get_delayed_context_data(file_request=file_request, dataset=dataset)
        return render(http_request, self.get_delayed_template_name() or "", context)

    # In the background

    @classmethod
    def restore(cls, file_request: FileRequest) -> FullPattern:
        return cls(file_request.filename)

    @classmethod
    def handle(cls, file_request: FileRequest) -> bool:
        """Make the file of a request; see `create_file`."""
        return cls.restore(file_request).create_file(file_request)

    def create_file(self, file_request: FileRequest) -> bool:
        """Make the file of a request, and send the e-mail.

        Return False if the request is done already, or if another worker has it. A failure is
        recorded and raised, and the request is tried again later. The e-mail is sent once at most.
        If that fails, the log and the request's `last_error` say so.
        """
        if not file_request.held:
            if not file_request.take():
                return False
            with file_request.keep_lease():
                return self.create_file(file_request)
        if self.is_requester_only() and file_request.requester_id is None:
            file_request.fail("its requester is gone")
            return False
        try:
            self._write(file_request)
        except LeaseLost:
            raise
        except Exception as error:
            file_request.retry(error)
            raise
        except BaseException:
            file_request.give_back()
            raise
        self.notify(file_request)
        return True

    def _write(self, file_request: FileRequest) -> None:
        criteria = self.criteria_class.restore_from(file_request)
        dataset = Dataset(criteria, self.get_items(criteria), file_request=file_request)
        filename = self.get_filename() or file_request.filename
        storage = file_request.filehandle.storage
        name = files.make_name(file_request, filename)
        with files.new_file(storage, name) as new:
            output = files.Output(new.target, file_request.renew)
            self.write_bytes(dataset, output)
        kind, signer = self.get_content_type(), self.get_signer()
        toolbox.adopt(file_request, new.name, output.size, filename, kind, signer)

    def notify(self, file_request: FileRequest) -> bool:
        """Send the e-mail with a new token. Return False if that fails.

        A failure is logged and recorded, without the token. The file stays: making it again would
        not help.
        """
        create = toolbox.create_token if self.is_requester_only() else toolbox.create_general_token
        token = ""
        try:
            token = create(file_request, signer=self.get_signer())
            self.send_notification(file_request, token)
        except BaseException as error:
            reason = describe(error).replace(token or "\0", "…")
            logger.error("File request %s: no e-mail was sent: %s", file_request.pk, reason)
            file_request.last_error = reason
            file_request.save(update_fields=["last_error"])
            if not isinstance(error, Exception):
                raise
            return False
        return True
