from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from django_minio_backend.bgfiles.patterns import InvalidForm
from examples.exports.exports import EXPORTS
from examples.exports.forms import ExportForm
from examples.exports.models import Reading


@login_required
def exports(request: HttpRequest) -> HttpResponse:
    """Offer the exports; who asks for one gets it, or a page that waits for it."""
    form: BaseForm = ExportForm()
    suffix = request.POST.get("format", "")
    if suffix in EXPORTS:
        try:
            _delayed, response = EXPORTS[suffix](f"readings.{suffix}").respond_to(request)
            return response
        except InvalidForm as error:
            form = error.form
    context = {"form": form, "formats": EXPORTS, "count": Reading._default_manager.count()}
    return render(request, "exports/index.html", context)
