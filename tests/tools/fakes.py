"""Programs that stand in for servers, Docker and Go, and a wheel that holds them."""

from __future__ import annotations

import http.server
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 20  # seconds until a test gives up on another process

SERVE = """
import http.server, json, os, pathlib, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/minio/health/live" else 404)
        self.end_headers()
    def log_message(self, *args): pass
def serve(port):
    server = http.server.HTTPServer(("127.0.0.1", int(port)), Handler)
    record = {"pid": os.getpid(), "argv": sys.argv[1:], "env": dict(os.environ)}
    pathlib.Path(os.environ["RECORD"]).write_text(json.dumps(record))
    server.serve_forever()
"""
MINIO = (
    SERVE
    + """
if sys.argv[1:] == ["--version"]:
    sys.exit(print("minio version FAKE"))
pathlib.Path(sys.argv[2]).mkdir(exist_ok=True)
serve(sys.argv[-1].rpartition(":")[2])
"""
)
DOCKER = (
    SERVE
    + """
with open(os.environ["RECORD"] + ".docker", "a") as file:
    print(*sys.argv[1:], file=file)
if sys.argv[1] == "image" and "NO_IMAGE" in os.environ:
    sys.exit("No such image")
if sys.argv[1] == "run":
    serve(sys.argv[sys.argv.index("-p") + 1].split(":")[1])
"""
)
GO = """
import os, pathlib, shutil
shutil.copy(os.environ["BUILT_MINIO"], pathlib.Path(os.environ["GOBIN"], "minio"))
"""
WEED = """
import http.server, json, os, pathlib, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"Topology": {"Free": 1}}')
    def log_message(self, *args): pass
if sys.argv[1:] == ["version"]:
    sys.exit(print("version 1GB FAKE"))
given = dict(argument.split("=", 1) for argument in sys.argv if "=" in argument)
config = pathlib.Path(given["-s3.config"])
record = {"argv": sys.argv[1:], "env": dict(os.environ), "config": config.read_text()}
pathlib.Path(__file__).with_name("record.weed").write_text(json.dumps(record))
for name in ("-master.port", "-s3.port"):
    server = http.server.HTTPServer(("127.0.0.1", int(given[name])), Handler)
    threading.Thread(target=server.serve_forever).start()
"""
GARAGE = """
import json, os, pathlib, socket, sys
if sys.argv[1:] == ["--version"]:
    sys.exit(print("garage v0 FAKE"))
configuration = pathlib.Path(sys.argv[sys.argv.index("-c") + 1]).read_text()
record = {"argv": sys.argv[1:], "env": dict(os.environ), "config": configuration}
pathlib.Path(__file__).with_name("record.garage").write_text(json.dumps(record))
port = configuration.partition('\\napi_bind_addr = "127.0.0.1:')[2].partition('"')[0]
listener = socket.create_server(("127.0.0.1", int(port)))
while True:
    listener.accept()[0].close()
"""
HALF_BUILT = """
import os, pathlib, sys
pathlib.Path(os.environ["GOBIN"], "minio").write_text("half")
sys.exit("go: no such module")
"""


def write_tool(path: Path, source: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    script = path.with_name(f"{path.name}.py")
    script.write_text(source)
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{script}" "$@"\n')
    path.chmod(0o755)
    return path


def write_wheel(folder: Path, name: str, version: str, files: Mapping[str, Path]) -> None:
    info, project = f"{name}-{version}.dist-info", name.replace("_", "-")
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        metadata = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n"
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
        for place, path in files.items():
            wheel.write(path, place)


@contextmanager
def s3_server(status: int) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(PATIENCE)
