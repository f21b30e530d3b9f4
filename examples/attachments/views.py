from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from examples.attachments.forms import UploadForm
from examples.attachments.models import PrivateAttachment, PublicAttachment


def index(request: HttpRequest) -> HttpResponse:
    """List all files and take uploads.

    A real site shows a private file's link only to those who may read the file: whoever has the
    link can, until it expires.
    """
    form = UploadForm(request.POST or None, request.FILES or None)
    if form.is_valid() and form.save():
        return redirect("index")
    files = {
        "private": PrivateAttachment._default_manager.all(),
        "public": PublicAttachment._default_manager.all(),
    }
    return render(request, "attachments/index.html", {"form": form, **files})
