"""Processes that are killed in the middle of their work, at a request or within one."""

from __future__ import annotations

import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.faults.line import Exchange, Hangup

PATIENCE = 60.0


@dataclass
class Victim:
    """A process that is started soon, and may be killed as soon as it has started."""

    _process: subprocess.Popen[str] | None = None
    _is_started: threading.Event = field(default_factory=threading.Event)

    def start(self, launch: Callable[[], subprocess.Popen[str]]) -> bool:
        """Run a process to its end. Return True if it was killed. It must not fail otherwise."""
        self._process = launch()
        self._is_started.set()
        output, _ = self._process.communicate(timeout=PATIENCE)
        assert self._process.returncode in {0, -9}, output
        return self._process.returncode == -9

    def kill(self) -> None:
        assert self._is_started.wait(PATIENCE)
        assert self._process
        self._process.kill()

    def kill_before(self, exchange: Exchange) -> None:
        """Kill it before the server sees its request."""
        self.kill()
        raise Hangup

    def kill_after(self, exchange: Exchange) -> None:
        """Kill it after the server has done what it asked for."""
        exchange.forward()
        self.kill()
        raise Hangup


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    upstream = ""
    victim: Victim
    remaining = 0

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is killed is what this is about."""


class _Deadly(socketserver.BaseRequestHandler):
    """Pass bytes both ways. After so many from the client kill it, and hang up."""

    server: _Server

    def handle(self) -> None:
        host, _, port = self.server.upstream.partition(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as upstream:
            answers = threading.Thread(target=self._pass_back, args=(upstream,), daemon=True)
            answers.start()
            with suppress(OSError):
                while self.server.remaining > 0 and (data := self.request.recv(2**16)):
                    upstream.sendall(data)
                    self.server.remaining -= len(data)
                if self.server.remaining <= 0:
                    self.server.victim.kill()
            with suppress(OSError):
                upstream.shutdown(socket.SHUT_RDWR)
            answers.join(PATIENCE)

    def _pass_back(self, upstream: socket.socket) -> None:
        with suppress(OSError):
            while data := upstream.recv(2**16):
                self.request.sendall(data)


@contextmanager
def open_deadly_line(upstream: str, victim: Victim, after: int) -> Iterator[str]:
    """Yield the endpoint of a line that kills its client after so many bytes of requests."""
    with _Server(("127.0.0.1", 0), _Deadly) as server:
        server.upstream, server.victim, server.remaining = upstream, victim, after
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(PATIENCE)
