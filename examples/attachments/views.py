from __future__ import annotations

from pathlib import PurePosixPath
from typing import cast

from django.core.files.base import ContentFile
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from django_minio_backend import MinioBackend
from django_minio_backend.ranges import Unsatisfiable, parse_range
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


@require_safe
def stream(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Serve a private file through Django, seekable for video players and resumed downloads.

    For where a signed link won't do, because each request has to be checked: a real site checks
    here who asks.
    """
    file = get_object_or_404(PrivateAttachment, pk=pk).file
    path = str(file.name)
    size = file.size
    try:
        wanted = parse_range(request.headers.get("Range", ""), size)
    except Unsatisfiable as error:
        return HttpResponse(status=416, headers={"Content-Range": str(error)})
    start, stop = wanted or (0, size)
    storage = cast(MinioBackend, file.storage)
    part = storage.open_range(path, start, stop) if size else ContentFile(b"")
    # A download: the browser is not to make a page of what somebody uploaded.
    name = PurePosixPath(path).name
    status = 206 if wanted else 200
    response = FileResponse(part, as_attachment=True, filename=name, status=status)
    response["Accept-Ranges"] = "bytes"
    if wanted:
        response["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return response
