"""The recipe that sends uploads to ClamAV's daemon, with one that knows the test file alone."""

from __future__ import annotations

from tests.docs.pages import DOCS, Project

DAEMON = r"""
import socketserver
import struct
import threading

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from shop.scan import scan


class Daemon(socketserver.StreamRequestHandler):
    def handle(self):
        assert self.rfile.read(10) == b"zINSTREAM\0"
        content = b""
        while size := struct.unpack("!L", self.rfile.read(4))[0]:
            content += self.rfile.read(size)
        found = b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE" in content
        self.wfile.write(b"stream: Eicar-Signature FOUND\0" if found else b"stream: OK\0")


with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Daemon) as daemon:
    threading.Thread(target=daemon.serve_forever, daemon=True).start()
    settings.CLAMD = daemon.server_address
    scan(ContentFile(b"clean" * 100_000))
    try:
        scan(ContentFile(b"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"))
    except ValidationError as error:
        print(error.messages[0])
    daemon.shutdown()
"""


def test_the_recipe_for_clamav_refuses_its_test_file(project: Project) -> None:
    project.follow(DOCS / "how-to" / "direct-uploads.md")
    assert project.run_python(DAEMON) == "The file holds something harmful.\n"
