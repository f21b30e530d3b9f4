"""A stand-in for an S3 server with any number of objects. It lists them and stores nothing.

The bucket "files-1000" has 1,000 objects. A real server would take hours to fill.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

CONTENT = b"x"
ETAG = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
PAGE = 1000


def make_key(kind: str, number: int) -> str:
    """Return the key of an object: of "files" or of "static" files."""
    return f"flat/{number:09}.bin" if kind == "files" else f"{number:09}.css"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path, query = urlsplit(self.path)[2:4]
        fields = {name: values[0] for name, values in parse_qs(query).items()}
        bucket = path.strip("/")
        kind, _, count = bucket.partition("-")
        start = int(fields.get("continuation-token", "0"))
        stop = min(start + PAGE, int(count))
        prefix = fields.get("prefix", "")
        entries = "".join(
            f"<Contents><Key>{make_key(kind, number)}</Key><Size>{len(CONTENT)}</Size>"
            f"<ETag>{ETAG}</ETag><LastModified>2026-01-02T03:04:05.678Z</LastModified></Contents>"
            for number in range(start, stop)
        )
        more = stop < int(count)
        token = f"<NextContinuationToken>{stop}</NextContinuationToken>" if more else ""
        self._answer(
            f"<ListBucketResult><Name>{bucket}</Name><Prefix>{prefix}</Prefix>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{entries}</ListBucketResult>"
        )

    def do_HEAD(self) -> None:
        self._answer("")

    def do_PUT(self) -> None:
        self._answer("")

    def do_POST(self) -> None:
        keys = re.findall(rb"<Key>", self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(f"<DeleteResult>{'' if keys else '<!-- none -->'}</DeleteResult>")

    def _answer(self, text: str) -> None:
        if self.command == "PUT":
            self.rfile.read(int(self.headers["Content-Length"]))
        body = text.encode()
        self.send_response(200)
        for name, value in (
            ("Content-Length", str(len(body))),
            ("ETag", f'"{ETAG}"'),
            ("Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT"),
            ("x-amz-request-id", "1"),
        ):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serve() -> Iterator[str]:
    """Yield the endpoint of a stand-in."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(30)


if __name__ == "__main__":
    with serve() as endpoint:
        print(endpoint, flush=True)
        threading.Event().wait()
