"""Rate limits of nodes: how they are reported, and how long to wait before a request is repeated.

A node rejects requests above its rate with HTTP status 429 or 503, or with a JSON-RPC error (-32005 in EIP-1474;
providers use other codes too). It has not processed such a request, so it is safe to repeat.
"""

from __future__ import annotations

import email.utils
import logging
import random
import re
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from chromatrace.ethereum.errors import ChainUnavailableError, RpcError

_log = logging.getLogger(__name__)

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 8.0
"""Waits double from the first to the longest one if the node does not name one."""
_LONGEST_NAMED_WAIT_S = 60.0
_UNNAMED_PATIENCE_S = 30.0
_UNSURE_PATIENCE_S = 4.0
_LOGGED_WAIT_S = 2.0

_LIMIT_EXCEEDED, _REVERTED = -32005, 3
_CODES = (_LIMIT_EXCEEDED, 429, -32029)
_RATE = re.compile(
    r"rate.?limit|limit.{0,20}rate|too many requests|request rate|requests? per|per (?:second|minute|day)|/second"
    r"|request limit|throttl|request count|compute units|capacity|quota|back.?off",
    re.IGNORECASE,
)
_RESULTS = re.compile(r"result|\blogs?\b|block|range|response size|exceeds? .*size", re.IGNORECASE)


class Limit(NamedTuple):
    """A rate limit that a request met.

    named_s  seconds to wait that the node named; 0 if it named none
    sure     False if the error may also be a limit of the number of results
    message  the node's message
    """

    named_s: float
    sure: bool
    message: str


def limit_of(outcome: Any) -> Limit | None:
    """Return the rate limit that an outcome reports, or None. Limits of the number of results are not rate limits."""
    if not isinstance(outcome, RpcError):
        return None
    message = outcome.node_message
    text = f"{message} [{outcome.code}]"
    if _RATE.search(message) and outcome.code != _REVERTED and "revert" not in message:
        return Limit(_named_s(outcome.data), sure=True, message=text)
    if outcome.code not in _CODES or (outcome.method == "eth_getLogs" and _RESULTS.search(message)):
        return None
    return Limit(_named_s(outcome.data), sure=outcome.method != "eth_getLogs", message=text)


def _named_s(data: Any) -> float:
    """Return `data.rate.backoff_seconds`, which Infura sends, or `data.retry_after`; 0 without."""
    rate = data.get("rate", data) if isinstance(data, Mapping) else {}
    values = (
        [rate.get(name) for name in ("backoff_seconds", "retry_after", "retryAfter")]
        if isinstance(rate, Mapping)
        else []
    )
    return max((float(value) for value in values if isinstance(value, int | float)), default=0.0)


def retry_after_s(header: str | None) -> float:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3): a number or an HTTP date; 0 if it is invalid."""
    if header is None:
        return 0.0
    if re.fullmatch(r"[0-9]{1,9}", header.strip(), re.ASCII):
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return 0.0


class Patience:
    """Waits of one call or batch, at most `limit_s` seconds together."""

    def __init__(self, url: str, limit_s: float) -> None:
        self._url, self._limit_s = url, limit_s
        self._waited_s, self._wait_s = 0.0, _FIRST_WAIT_S

    def wait(self, limit: Limit) -> bool:
        """Wait, then return True. Return False if the limit is unsure and waiting did not help.

        Raises `ChainUnavailableError` if the patience is exhausted.
        """
        if not limit.sure and self._waited_s >= min(_UNSURE_PATIENCE_S, self._limit_s):
            return False
        self.wait_or_raise(limit.message, limit.named_s)
        return True

    def wait_or_raise(self, reason: str, named_s: float = 0.0) -> None:
        """Wait for `named_s` seconds, of which 60 count, or for a growing time if it is 0.

        Raises `ChainUnavailableError` if the patience is exhausted.
        """
        wait_s = min(named_s, _LONGEST_NAMED_WAIT_S) or self._wait_s * random.uniform(1.0, 1.25)  # noqa: S311
        limit_s = self._limit_s if named_s else min(self._limit_s, _UNNAMED_PATIENCE_S)
        if self._waited_s + wait_s > limit_s:
            asked = f"; it asks to wait {named_s:.0f} s" if named_s else ""
            raise ChainUnavailableError(
                f"{self._url} limits the rate of requests or is overloaded: {reason}; "
                f"waited {self._waited_s:.0f} s{asked}",
                field="rpc_url",
                hint="try again later, or use a node with a higher limit",
            )
        if wait_s >= _LOGGED_WAIT_S:
            _log.warning("%s: %s; waiting %.0f s", self._url, reason, wait_s)
        time.sleep(wait_s)
        self._waited_s += wait_s
        self._wait_s = min(2 * self._wait_s, _LONGEST_WAIT_S)
