"""The upload of a file by a Python program. It needs no Django, and shows what the script does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import IO, Any

import urllib3

_TRIES = urllib3.Retry(
    total=8,
    backoff_factor=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=None,
    redirect=False,
)


def send_file(
    ask: Callable[[str, Mapping[str, Any]], Mapping[str, Any]],
    token: str,
    file: IO[bytes],
    name: str,
    content_type: str = "",
) -> str:
    """Upload a file and return its receipt. Memory is bounded by a part (8 MiB or more).

    `ask(view, data)` posts JSON to a view of the site ("begin", "resume", "finish", "cancel") as
    its user, and returns the JSON of the response. `token` is that of a field: `Target.to_token`.
    After an error the upload is given up.
    """
    size = file.seek(0, 2)
    file.seek(0)
    begin = {"token": token, "name": name, "size": size, "type": content_type}
    plan = ask("begin", begin)
    ticket = {"ticket": plan["ticket"]}
    try:
        with urllib3.PoolManager() as http:
            if "fields" in plan:
                _post(http, plan, file.read())
            else:
                _send_parts(http, plan, file, lambda: ask("resume", ticket))
        receipt: str = ask("finish", ticket)["receipt"]
    except BaseException:
        ask("cancel", ticket)
        raise
    return receipt


def _post(http: urllib3.PoolManager, plan: Mapping[str, Any], content: bytes) -> None:
    fields = {**plan["fields"], "file": ("file", content)}
    _check(http.request("POST", plan["url"], fields=fields, retries=_TRIES))


def _send_parts(
    http: urllib3.PoolManager,
    plan: Mapping[str, Any],
    file: IO[bytes],
    resume: Callable[[], Mapping[str, Any]],
) -> None:
    for number in range(1, len(plan["signatures"]) + 1):
        part = file.read(plan["part_size"])
        response = _send_part(http, plan, number, part)
        if response.status == 403:  # the links have ended
            plan = resume()
            response = _send_part(http, plan, number, part)
        _check(response)


def _send_part(
    http: urllib3.PoolManager, plan: Mapping[str, Any], number: int, part: bytes
) -> urllib3.BaseHTTPResponse:
    signature = plan["signatures"][number - 1]
    url = f"{plan['url']}&partNumber={number}&X-Amz-Signature={signature}"
    return http.request("PUT", url, body=part, headers=plan["headers"], retries=_TRIES)


def _check(response: urllib3.BaseHTTPResponse) -> None:
    if response.status >= 300:
        raise OSError(f"The file server refused the upload: HTTP {response.status}.")
