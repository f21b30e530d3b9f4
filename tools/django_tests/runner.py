"""Django's test runner without the tests that are about a disk."""

from __future__ import annotations

import sys
import unittest
from typing import Any

from django.test.runner import DiscoverRunner

from tools.django_tests.excluded import EXCLUDED


class Runner(DiscoverRunner):
    """Skip the tests of EXCLUDED, with their reasons."""

    def build_suite(self, *args: Any, **keywords: Any) -> Any:
        suite = super().build_suite(*args, **keywords)
        for test in _list_tests(suite):
            if reason := _find_reason(test):
                setattr(test, test._testMethodName, unittest.skip(reason)(lambda: None))
        if cases := sys.modules.get("staticfiles_tests.cases"):
            _use_our_command(cases)
        return suite


def _find_reason(test: Any) -> str | None:
    """Return the reason for leaving out a test, or its class."""
    method, name = test._testMethodName, type(test).__name__
    return EXCLUDED.get(method) or EXCLUDED.get(name) or EXCLUDED.get(f"{name}.{method}")


def _use_our_command(cases: Any) -> None:
    """Let `collectstatic` be ours, as in a project, and read the files that it has collected."""
    from django.contrib.staticfiles.management.commands import collectstatic

    from django_minio_backend.management.commands.collectstatic import Command

    collectstatic.Command = Command  # type: ignore[misc]
    cases.CollectionTestCase._get_file = _read_static_file


def _read_static_file(test: Any, name: str) -> str:
    """Read a collected file from the storage, in the place of STATIC_ROOT."""
    from django.contrib.staticfiles.storage import staticfiles_storage

    with staticfiles_storage.open(name) as file:
        content: bytes = file.read()
        return content.decode()


def _list_tests(suite: Any) -> Any:
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from _list_tests(item)
        else:
            yield item
