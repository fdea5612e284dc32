"""Send one message. Redirects are not followed, and the answer's body is not read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from urllib3 import Timeout
from urllib3.exceptions import HTTPError

from chromatrace.domain.errors import ChromaTraceError
from chromatrace.orders.webhooks.address import Endpoint, resolve
from chromatrace.records.http_deadlines import DeadlineHttpPool, DeadlineHttpsPool, within

CONNECT_S, SILENCE_S, REQUEST_S = 5.0, 15.0, 25.0
"""Limits in seconds: to connect; without a byte from the target; of the whole request."""
_MAX_RETRY_AFTER_S = 86_400


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer of a target. `error` is None after success; `retry_after_s`: the wait that it asks for."""

    status: int | None
    error: str | None = None
    retry_after_s: int = 0


def post(url: str, body: bytes, headers: dict[str, str], *, allow_private: bool, ca: Path | None = None) -> Answer:
    """Send a message and return the answer. Every failure is an answer with an error.

    ca  file of the certification authority of the target; None: those of the system
    """
    try:
        return _request(resolve(url, allow_private=allow_private), body, headers, ca)
    except ChromaTraceError as error:
        return Answer(None, str(error))
    except (HTTPError, OSError) as error:
        return Answer(None, f"{type(error).__name__}: {error}")


def _request(endpoint: Endpoint, body: bytes, headers: dict[str, str], ca: Path | None) -> Answer:
    options: dict[str, Any] = {"timeout": Timeout(connect=CONNECT_S, read=SILENCE_S), "maxsize": 1}
    headers = headers | {
        "Host": endpoint.host_header,
        "Content-Type": "application/json",
        "User-Agent": "ChromaTrace",
        "Connection": "close",
    }
    pool: Any = DeadlineHttpPool(endpoint.address, endpoint.port, **options)
    if endpoint.secure:
        options |= {"server_hostname": endpoint.host, "assert_hostname": endpoint.host}
        options |= {} if ca is None else {"ca_certs": str(ca)}
        pool = DeadlineHttpsPool(endpoint.address, endpoint.port, **options)
    with pool, within(REQUEST_S):
        response = pool.urlopen(
            *("POST", endpoint.path),
            body=body,
            headers=headers,
            redirect=False,
            retries=False,
            preload_content=False,
            assert_same_host=False,
        )
        response.close()
    if 200 <= response.status < 300:
        return Answer(response.status)
    wait = response.headers.get("Retry-After", "")
    seconds = min(int(wait), _MAX_RETRY_AFTER_S) if wait.isascii() and wait.isdigit() and len(wait) < 10 else 0
    redirect = ", a redirect, which is not followed" if 300 <= response.status < 400 else ""
    return Answer(response.status, f"the target answered {response.status}{redirect}", seconds)
