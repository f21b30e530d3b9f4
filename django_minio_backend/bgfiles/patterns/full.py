"""`FullPattern`: one class says what is exported, and answers, makes and announces the file."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import router, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import get_template
from django.utils.http import content_disposition_header

from django_minio_backend.bgfiles import contents, leases, toolbox
from django_minio_backend.bgfiles.models import FileRequest, safe_filename
from django_minio_backend.bgfiles.patterns.criteria import Criteria, Dataset
from django_minio_backend.bgfiles.patterns.notices import EmailNotice
from django_minio_backend.bgfiles.tokens import TokenSigner

logger = logging.getLogger("django_minio_backend.bgfiles")


class FullPattern(EmailNotice):
    """Answer with a file now, or make it in the background and send its requester the link.

    A subclass says what is exported with `get_items`, `evaluate_dataset` and `write_bytes`.
    """

    file_type = ""
    content_type = ""
    criteria_class: type[Criteria] = Criteria
    delayed_template_name: str | None = None
    #: Whether the token is the requester's own, and not anybody's who has it.
    requester_only = True
    signer: TokenSigner | None = None

    def __init__(self, filename: str = "") -> None:
        self.filename = filename

    # What a subclass gives

    def get_items(self, criteria: Criteria) -> Any:
        """Return what is exported, for an answer now as well as for a file later."""
        raise NotImplementedError

    def evaluate_dataset(self, dataset: Dataset, http_request: HttpRequest) -> None:
        """Set `dataset.delay` when this is too much for a browser to wait for."""

    def write_bytes(self, dataset: Dataset, buffer: Any) -> None:
        """Write the file to `buffer`, which takes bytes and cannot seek.

        `dataset.report(done, total)` shows how far it is.
        """
        raise NotImplementedError

    def schedule(
        self, file_request: FileRequest, http_request: HttpRequest, dataset: Dataset | None
    ) -> None:
        """Have the request done when it is committed; by default the command `process` comes by.

        There is no dataset when a failed request is tried again.
        """

    def get_file_type(self) -> str:
        return self.file_type

    def get_content_type(self) -> str:
        return self.content_type

    def get_filename(self) -> str:
        return self.filename

    def get_signer(self) -> TokenSigner | None:
        """Return the signer of the tokens; None is the default one."""
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
        """Return whether the file comes later, and the answer: the file, or the delayed template.

        Raises what `get_items` raises, and PermissionDenied when nobody is logged in who could
        fetch the file later.
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
        self.write_bytes(dataset, contents.Output(response, lambda: None))
        return response

    def respond_with_delay(self, http_request: HttpRequest, dataset: Dataset) -> HttpResponse:
        user = getattr(http_request, "user", None)
        requester = user if user is not None and user.is_authenticated else None
        if requester is None and self.is_requester_only():
            raise PermissionDenied("Only who is logged in can fetch this file later.")
        # A page that is not there must not be noticed when the request is.
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
            # A queue that is down is logged: the row waits for the command.
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
        """Do a request; see `create_file`."""
        return cls.restore(file_request).create_file(file_request)

    def create_file(self, file_request: FileRequest) -> bool:
        """Make the file of a request, and send the e-mail.

        False when it was not for us to do: it is done already, or somebody else is at it. A
        failure is recorded and raised, and the request is tried again later. The e-mail is sent
        once at most; that it was not is logged, and in the request's `last_error`.
        """
        if not file_request.held:
            if not leases.take(file_request):
                return False
            with leases.kept(file_request):
                return self.create_file(file_request)
        if self.is_requester_only() and file_request.requester_id is None:
            leases.fail(file_request, "its requester is gone")
            return False
        try:
            self._write(file_request)
        except leases.LeaseLost:
            raise
        except Exception as error:
            leases.retry(file_request, error)
            raise
        except BaseException:
            leases.give_back(file_request)
            raise
        self.notify(file_request)
        return True

    def _write(self, file_request: FileRequest) -> None:
        criteria = self.criteria_class.restore_from(file_request)
        dataset = Dataset(criteria, self.get_items(criteria), file_request=file_request)
        filename = self.get_filename() or file_request.filename
        storage = file_request.filehandle.storage
        name = contents.new_name(file_request, filename)
        with contents.written(storage, name) as new:
            output = contents.Output(new.target, partial(leases.renew, file_request))
            self.write_bytes(dataset, output)
        kind, signer = self.get_content_type(), self.get_signer()
        toolbox.adopt(file_request, new.name, output.size, filename, kind, signer)

    def notify(self, file_request: FileRequest) -> bool:
        """Send the e-mail, with a new token; say whether that went well.

        A failure is logged and recorded, without the token: the file is there, and making it again
        would not help.
        """
        create = toolbox.create_token if self.is_requester_only() else toolbox.create_general_token
        token = ""
        try:
            token = create(file_request, signer=self.get_signer())
            self.send_notification(file_request, token)
        except BaseException as error:
            said = leases.described(error).replace(token or "\0", "…")
            logger.error("File request %s: no e-mail was sent: %s", file_request.pk, said)
            file_request.last_error = said
            file_request.save(update_fields=["last_error"])
            if not isinstance(error, Exception):
                raise
            return False
        return True
