from __future__ import annotations

from typing import Any

from django import forms
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tests.clips.forms import ClipForm, ManyForm, NoteForm


def _show(request: HttpRequest, form: forms.BaseForm, saved: str = "") -> HttpResponse:
    return render(request, "clips/form.html", {"form": form, "saved": saved})


def _add(request: HttpRequest, kind: Any) -> HttpResponse:
    form = kind(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        return _show(request, kind(), form.save().file.name)
    return _show(request, form)


def add_clip(request: HttpRequest) -> HttpResponse:
    return _add(request, ClipForm)


def add_note(request: HttpRequest) -> HttpResponse:
    return _add(request, NoteForm)


def add_many(request: HttpRequest) -> HttpResponse:
    form = ManyForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        sizes = [file.size for file in form.cleaned_data["clips"] or []]
        return _show(request, ManyForm(), f"{len(sizes)} files, {sum(sizes)} bytes")
    return _show(request, form)


def add_and_roll_back(request: HttpRequest) -> HttpResponse:
    form = ClipForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                form.save()
                raise IntegrityError
        except IntegrityError:
            return _show(request, form, "rolled back")
    return _show(request, form)
