"""Requests by a project's own urllib3 client, as it traces them, proxies them or trusts them."""

from __future__ import annotations

import re
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, ResponseError
from urllib3.exceptions import TimeoutError as HTTPTimeout

from django_minio_backend.s3.headers import Headers
from django_minio_backend.s3.http import USER_AGENT, HTTPFault, Request, Response
from django_minio_backend.s3.pool import Requester


class ClientPool(Requester):
    """A project's own client. Its certificates, time-outs and retries apply."""

    def __init__(self, client: urllib3.PoolManager, url: str) -> None:
        self._client = client
        self._url = url

    def _send(self, request: Request) -> Response:
        """Send a request. The client decides if it repeats it."""
        limits: dict[str, Any] = {}
        if request.timeout is not None:
            limits["timeout"] = urllib3.Timeout(total=request.timeout)
        if (retries := request.retries) is not None:
            limits["retries"] = urllib3.Retry(retries, redirect=False) if retries else False
        try:
            # The client gets the whole URL: it may use a proxy.
            answer = self._client.urlopen(
                request.method,
                f"{self._url}{request.target}",
                body=request.body,
                headers={"User-Agent": USER_AGENT, **request.headers},
                redirect=False,
                preload_content=False,
                decode_content=False,
                **limits,
            )
        except HTTPError as error:
            raise _make_fault(error) from error
        response = _ClientResponse(answer)
        if not request.stream:
            response.read_all()
        return response


class _ClientResponse(Response):
    def __init__(self, answer: urllib3.BaseHTTPResponse) -> None:
        super().__init__(answer.status, Headers(list(answer.headers.items())))
        self._answer = answer
        history = answer.retries.history if answer.retries else ()
        self.repeated = bool(history)
        self.lost = any(attempt.error is not None for attempt in history)

    def read(self, count: int) -> bytes:
        try:
            data = self._answer.read(count)
        except HTTPError as error:
            self.close()
            raise _make_fault(error) from error
        if not self._answer.length_remaining and not data:
            self._answer.release_conn()
        return data

    def close(self) -> None:
        if self._answer.length_remaining != 0:
            self._answer.close()
        self._answer.release_conn()


class _ClientFault(HTTPFault):
    @property
    def timed_out(self) -> bool:
        # The reason is the error of the last try. For urllib3 a refused connection is a time-out.
        reason = getattr(self.__cause__, "reason", self.__cause__)
        return isinstance(reason, HTTPTimeout) and not isinstance(reason, NewConnectionError)


def _make_fault(error: HTTPError) -> HTTPFault:
    reason = getattr(error, "reason", None)
    cause = reason if isinstance(reason, Exception) else error
    fault = _ClientFault(str(cause) or type(cause).__name__)
    if isinstance(cause, ResponseError) and (status := re.search(r"\b\d{3}\b", str(cause))):
        fault.status = int(status[0])
    return fault
