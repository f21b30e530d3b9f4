"""The fixtures of other rooms that the tests of their commands need."""

from __future__ import annotations

from tests.buckets.conftest import drifted as drifted
from tests.moving.conftest import aliases as aliases
from tests.moving.conftest import disk as disk
from tests.references.conftest import library as library
from tests.staticfiles.conftest import site as site
