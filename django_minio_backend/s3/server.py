"""A server: its address, and how requests reach it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import urllib3


@dataclass(frozen=True)
class Endpoint:
    """The address of a server. `netloc` is the value of the Host header, `path` "" or "/files"."""

    secure: bool
    host: str
    port: int
    path: str = ""

    @property
    def scheme(self) -> str:
        return "https" if self.secure else "http"

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.path}"


@dataclass(frozen=True)
class Server:
    """How a server is reached, and how its requests are signed. Times are seconds.

    `http_client` is a project's own client. Its certificates, time-outs and retries apply then.
    """

    endpoint: Endpoint
    region: str = "us-east-1"
    ca_certs: str | None = None
    connect_timeout: float = 5.0
    read_timeout: float = 60.0
    retries: int = 3
    http_client: urllib3.PoolManager | None = None
