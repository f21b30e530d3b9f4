"""A large export in bounded memory, measured in a process of its own."""

from __future__ import annotations

import sys

import pytest

from tests.conftest import Buckets
from tests.scripts import run_script
from tools.minio_server import Server

MIB = 2**20
SIZE = 1024  # MiB
# Parts on their way, one being filled, and what urllib3 and the allocator add to them.
BOUND = 60  # MiB

SCRIPT = f"""
import resource
from django.core.management import call_command
from django_minio_backend.bgfiles import toolbox
from django_minio_backend.bgfiles.patterns import FullPattern

class Large(FullPattern):
    requester_only = False

    def get_items(self, criteria):
        return int(criteria.raw["mib"])

    def write_bytes(self, dataset, buffer):
        block = b"x" * {MIB}
        for number in range(dataset.items):
            buffer.write(block)
            dataset.report(number + 1, dataset.items)

def export(mib):
    request = toolbox.add_request(f"mib={{mib}}", "large", filename="large.bin")
    assert Large.handle(request)
    assert request.filehandle.storage.size(request.filehandle.name) == mib * {MIB}
    request.delete()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

call_command("migrate", verbosity=0)
before = export(1)
after = export({SIZE})
assert after - before < {BOUND}, f"{{before}} MiB before, {{after}} MiB after"
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux only")
def test_an_export_of_any_size_takes_bounded_memory(buckets: Buckets, server: Server) -> None:
    apps = ["django.contrib.auth", "django.contrib.contenttypes", "django_minio_backend.bgfiles"]
    run_script(SCRIPT, server, bucket=buckets.private, apps=apps)
