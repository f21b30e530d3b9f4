"""The code examples of dj-bgfiles 0.6's text, in its order, with today's Django."""

from __future__ import annotations

from datetime import date, timedelta
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import render
from django.urls import include, path, resolve, reverse
from django.utils.translation import gettext_lazy as _

from django_minio_backend.bgfiles import toolbox
from django_minio_backend.bgfiles.models import FileRequest
from django_minio_backend.bgfiles.patterns import (
    Criteria,
    Dataset,
    FullPattern,
    InvalidForm,
    registry,
)
from django_minio_backend.bgfiles.views import (
    SignatureHasExpired,
    SuspiciousToken,
    UserIsNotRequester,
    serve_file,
)
from tests.bgfiles.conftest import body, http
from tests.logins.models import LoginEvent

openpyxl = pytest.importorskip("openpyxl")
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("memory")]

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAX_NR_EVENTS = 3


class LoginExportFilterForm(forms.Form):
    from_date = forms.DateField()
    until_date = forms.DateField(required=False)

    def apply_filters(self, queryset: Any) -> Any:
        data = self.cleaned_data
        queryset = queryset.filter(created_at__date__gte=data["from_date"])
        until_date = data.get("until_date")
        if until_date:
            queryset = queryset.filter(created_at__date__lte=until_date)
        return queryset


def write_xlsx(events: Any, output: Any) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for event in events:
        sheet.append([event.pk, event.succeeded])
    book.save(output)


def rows_of(content: bytes) -> int:
    return int(openpyxl.load_workbook(BytesIO(content)).active.max_row)


# Manually, using a Celery task: the task is called by hand here, see test_celery.


def export_by_hand(request: HttpRequest) -> HttpResponse:
    form = LoginExportFilterForm(data=request.POST)
    if not form.is_valid():
        return render(request, "reports/login_events_filter.html", context={"form": form})
    events = form.apply_filters(LoginEvent.objects.all())
    nr_events = events.count()
    if nr_events <= MAX_NR_EVENTS:
        response = HttpResponse(content_type=XLSX)
        write_xlsx(events, response)
        return response
    criteria = request.POST.urlencode()
    with transaction.atomic():
        toolbox.add_request(
            criteria, file_type="login_events", requester=request.user, content_type=XLSX
        )
    context = {"nr_events": nr_events, "max_nr_events": MAX_NR_EVENTS}
    return render(request, "reports/delayed_response.html", context=context)


def export_login_events_task(file_request_id: Any) -> str:
    request = FileRequest.objects.get(id=file_request_id)
    criteria = QueryDict(request.criteria)
    form = LoginExportFilterForm(data=criteria)
    assert form.is_valid()
    contents = BytesIO()
    write_xlsx(form.apply_filters(LoginEvent.objects.all()), contents)
    toolbox.attach_file(request, contents.getvalue(), filename="login_events.xlsx")
    token = toolbox.create_token(request)
    return reverse("mydownloads:serve", kwargs={"token": token})


def serve(request: HttpRequest, token: str) -> HttpResponseBase:
    try:
        return serve_file(request, token, require_requester=True, verify_requester=True)
    except SuspiciousToken:
        return render(request, "errors/naughty.html")
    except SignatureHasExpired:
        return render(request, "errors/signature_expired.html")
    except UserIsNotRequester:
        return render(request, "errors/access_denied.html")


downloads = [path("downloads/<str:token>", serve, name="serve")]
urlpatterns = [
    path("", include((downloads, "mydownloads"))),
    path("files/", include("django_minio_backend.bgfiles.urls")),
]


# Using the FullPattern


class LoginEventExport(FullPattern):
    file_type = "login_events"
    content_type = XLSX
    delayed_template_name = "reports/delayed_response.html"
    email_subject = _("File %(filename)s is ready!")
    email_text_message = _("Come and get it: %(download_url)s")

    def get_items(self, criteria: Criteria) -> Any:
        form = LoginExportFilterForm(data=criteria.raw)
        if not form.is_valid():
            raise InvalidForm(form=form)
        return form.apply_filters(LoginEvent.objects.all())

    def evaluate_dataset(self, dataset: Dataset, http_request: HttpRequest) -> None:
        dataset.delay = dataset.items.count() > MAX_NR_EVENTS

    def write_bytes(self, dataset: Dataset, buffer: Any) -> None:
        write_xlsx(dataset.items, buffer)


def export_login_events(request: HttpRequest) -> HttpResponse:
    try:
        _delayed, response = LoginEventExport("login-events.xlsx").respond_to(request)
        return response
    except InvalidForm as exc:
        return render(request, "reports/login_events_filter.html", context={"form": exc.form})


@pytest.fixture
def events(user: User) -> None:
    for _number in range(5):
        LoginEvent.objects.create(user=user)


@pytest.fixture(autouse=True)
def own_urls(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__


def visited(url: str, user: User | None = None) -> Any:
    found = resolve(url)
    return found.func(http(user), **found.kwargs)


def asked(user: User, **more: Any) -> HttpRequest:
    return http(user, "post", data={"from_date": str(date.today() - timedelta(days=1)), **more})


@pytest.mark.usefixtures("events")
def test_by_hand_with_a_task(user: User) -> None:
    assert export_by_hand(asked(user)).content == b"5 are too many"
    request = FileRequest.objects.get()
    download_url = export_login_events_task(request.id)
    served = visited(download_url, user)
    assert rows_of(body(served)) == 5
    assert served["Content-Type"] == XLSX
    assert visited("/downloads/nonsense", user).content == b"naughty"
    assert visited(download_url).content == b"denied"


@pytest.mark.usefixtures("events")
def test_by_hand_few_events_are_answered_at_once(user: User) -> None:
    LoginEvent.objects.all()[:1].get().delete()
    LoginEvent.objects.first().delete()  # type: ignore[union-attr]
    assert rows_of(export_by_hand(asked(user)).content) == 3
    assert not FileRequest.objects.exists()


@pytest.mark.usefixtures("events")
def test_by_hand_with_a_cron_job(user: User) -> None:
    export_by_hand(asked(user))
    requests = FileRequest.objects.to_handle()
    for request in requests:
        assert request.file_type == "login_events"
        export_login_events_task(request.id)
    assert not FileRequest.objects.to_handle().exists()


@pytest.mark.usefixtures("events")
def test_the_pattern_answers_later_and_sends_the_link(user: User, mailoutbox: list[Any]) -> None:
    assert export_login_events(asked(user)).content == b" are too many"
    request = FileRequest.objects.get()
    LoginEventExport(request.filename).create_file(request)
    (mail,) = mailoutbox
    assert mail.subject == "File login-events.xlsx is ready!"
    text, url = mail.body.split(": ")
    assert (text, mail.to) == ("Come and get it", ["ann@example.com"])
    assert rows_of(body(visited(url, user))) == 5


def test_the_pattern_answers_at_once_what_is_little(user: User) -> None:
    response = export_login_events(asked(user))
    assert rows_of(response.content) == 1
    assert response["Content-Type"] == XLSX
    assert response["Content-Disposition"] == 'attachment; filename="login-events.xlsx"'


def test_the_pattern_tells_the_view_of_an_invalid_form(user: User) -> None:
    asking = http(user, "post", data={"from_date": "yesterday"})
    assert b"Enter a valid date" in export_login_events(asking).content


@pytest.mark.usefixtures("events")
def test_the_command_does_what_is_registered_and_removes_it_later(
    user: User, mailoutbox: list[Any]
) -> None:
    export_login_events(asked(user))
    registry.register(LoginEventExport, [LoginEventExport.file_type])
    call_command("bgfiles", "process", "--sleep=1", "--timeout=600", "--items=20", verbosity=0)
    assert len(mailoutbox) == 1
    call_command("bgfiles", "clean", "--timeout=60", "--sleep=1", verbosity=0)
    assert FileRequest.objects.count() == 1
    FileRequest.objects.update(expires_at=FileRequest.objects.get().created_at)
    call_command("bgfiles", "clean", "--leeway=0", verbosity=0)
    assert not FileRequest.objects.exists()


def test_anyone_with_a_token_where_the_view_says_so(user: User, other: User) -> None:
    request = toolbox.add_request(requester=user)
    toolbox.attach_file(request, b"1", filename="1.txt")
    token = toolbox.create_general_token(request)
    response = serve_file(http(other), token, require_requester=False, verify_requester=False)
    assert body(response) == b"1"


@pytest.mark.usefixtures("events")
def test_a_pattern_may_be_for_everybody(user: User, mailoutbox: list[Any]) -> None:
    class ForAll(LoginEventExport):
        requester_only = False

    class ForAllToo(LoginEventExport):
        def is_requester_only(self) -> bool:
            return False

    for pattern in (ForAll, ForAllToo):
        pattern("a.xlsx").respond_to(asked(user))
        request = FileRequest.objects.to_handle().get()
        pattern.restore(request).create_file(request)
        token = mailoutbox[-1].body.split("/")[-2]
        assert "requester" not in toolbox.decode(token, require_requester=False)[1]


@pytest.mark.usefixtures("events")
def test_a_signer_of_ones_own(user: User, mailoutbox: list[Any]) -> None:
    my_signer = toolbox.Signer(key="mine", max_age=60)

    class MyExporter(LoginEventExport):
        signer = my_signer

    class MyOther(LoginEventExport):
        def get_signer(self) -> Any:
            return my_signer

    for exporter in (MyExporter, MyOther):
        exporter("a.xlsx").respond_to(asked(user))
        request = FileRequest.objects.to_handle().get()
        exporter.restore(request).create_file(request)
        token = mailoutbox[-1].body.split("/")[-2]
        with pytest.raises(SuspiciousToken):
            serve_file(http(user), token)
        response: Any = serve_file(
            http(user), token, require_requester=True, verify_requester=True, signer=my_signer
        )
        assert response.status_code == 200
    assert my_signer.load(toolbox.create_token(request, signer=my_signer))
    assert SimpleNamespace(**my_signer.load(token)).id == str(request.id)
