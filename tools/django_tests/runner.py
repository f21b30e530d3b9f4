"""Django's test runner without the tests that are about a disk."""

from __future__ import annotations

import unittest
from typing import Any

from django.test.runner import DiscoverRunner

from tools.django_tests.excluded import EXCLUDED


class Runner(DiscoverRunner):
    """Skip the tests of EXCLUDED, with their reasons."""

    def build_suite(self, *args: Any, **keywords: Any) -> Any:
        suite = super().build_suite(*args, **keywords)
        for test in _list_tests(suite):
            if reason := EXCLUDED.get(test._testMethodName):
                setattr(test, test._testMethodName, unittest.skip(reason)(lambda: None))
        return suite


def _list_tests(suite: Any) -> Any:
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from _list_tests(item)
        else:
            yield item
