"""The e-mail for a file that is ready."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.mail import send_mail
from django.urls import reverse
from django.utils.html import conditional_escape

from django_minio_backend.bgfiles.models import FileRequest

_PUBLIC_FIELDS = ("id", "filename", "file_type", "content_type", "size", "created_at", "expires_at")


class EmailNotice:
    """Texts may hold `%(download_url)s`, `%(filename)s` and the request's other public fields.

    Without a subject or an address nothing is sent.
    """

    email_subject: Any = None
    email_text_message: Any = None
    email_html_message: Any = None
    from_email: str | None = None
    #: The link, with `%(token)s` in it. By default it is the `serve` view of the app's own URLs.
    download_url: str | None = None

    def get_email_subject(self) -> Any:
        return self.email_subject

    def get_email_text_message(self) -> Any:
        return self.email_text_message

    def get_email_html_message(self) -> Any:
        return self.email_html_message

    def get_from_email(self) -> str | None:
        return self.from_email

    def get_email_recipients(self, file_request: FileRequest) -> list[str]:
        address = getattr(file_request.requester, "email", "")
        return [address] if address else []

    def get_download_url(self, file_request: FileRequest, token: str) -> str:
        """Return the link to the file.

        An e-mail needs the host. It comes from `download_url` or `django.contrib.sites`.
        """
        if self.download_url is not None:
            return self.download_url % {"token": token}
        path = reverse("bgfiles:serve", kwargs={"token": token})
        if not apps.is_installed("django.contrib.sites"):
            return path
        from django.contrib.sites.models import Site

        return f"https://{Site.objects.get_current().domain}{path}"

    def send_notification(self, file_request: FileRequest, token: str) -> int:
        """Send the e-mail, and return how many were sent. Raises the errors of the mail backend."""
        recipients = self.get_email_recipients(file_request)
        subject = self.get_email_subject()
        if not subject or not recipients:
            return 0
        values = {name: getattr(file_request, name) for name in _PUBLIC_FIELDS}
        values["download_url"] = self.get_download_url(file_request, token)
        escaped = {name: conditional_escape(str(value)) for name, value in values.items()}
        html = self.get_email_html_message()
        return send_mail(
            " ".join((str(subject) % values).split()),  # a header is one line
            str(self.get_email_text_message() or "%(download_url)s") % values,
            self.get_from_email(),
            recipients,
            html_message=str(html) % escaped if html else None,
        )
