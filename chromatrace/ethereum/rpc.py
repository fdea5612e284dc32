"""JSON-RPC over HTTP keep-alive: single calls and batches, encoded by orjson.

One connection per thread. Three cases are retried: a connection that the node closed while idle, a block that it pruned
while it answered, and a request that it did not process because of a rate limit (`rate_limits`). Nothing else is,
because only the caller knows what is safe to repeat.
"""

from __future__ import annotations

import base64
import http.client
import re
import ssl
import threading
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from chromatrace.domain.errors import InvalidInput
from chromatrace.ethereum.errors import ChainUnavailableError, RpcError
from chromatrace.ethereum.rate_limits import Patience, limit_of, retry_after_s

_STALE = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError, http.client.CannotSendRequest)
_FAILED = (OSError, http.client.HTTPException)
_MAX_BODY = 500_000
"""Bytes after which a batch is split: Anvil accepts 2 MB, proxies often 1 MB."""
_MAX_ITEMS = 500
"""Requests in one batch: geth accepts 1,000."""
_INTERNAL_ERROR = -32603
_LIMITED_STATUSES = (429, 503)
_HTML = re.compile(rb"\s*<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)
_TITLE = re.compile(r"<title>\s*([^<]{1,80})", re.IGNORECASE)
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_RESULT_FORMS = {
    **dict.fromkeys(("eth_chainId", "eth_blockNumber", "eth_getBalance", "eth_getTransactionCount"), _QUANTITY),
    **dict.fromkeys(("eth_estimateGas", "eth_gasPrice", "eth_maxPriorityFeePerGas"), _QUANTITY),
    **dict.fromkeys(("eth_call", "eth_getCode", "eth_sendRawTransaction"), _DATA),
}
_TRANSIENT_RETRIES = 5
_TRANSIENT = ("blockoutofrange", "header not found", "unknown block")


def is_transient(outcome: Any) -> bool:
    """Return whether the node pruned the block "latest" while it answered. The same request then succeeds."""
    return isinstance(outcome, RpcError) and any(part in outcome.node_message.lower() for part in _TRANSIENT)


class RpcClient:
    """A JSON-RPC endpoint. Thread-safe.

    url         http(s)://[user:password@]host[:port][/path]
    timeout_s   seconds to wait for a connection and for each answer
    patience_s  maximum number of seconds that one call or batch waits because of rate limits
    """

    def __init__(self, url: str, timeout_s: float = 10.0, patience_s: float = 120.0) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise InvalidInput(f"{url!r} is not a valid URL", field="rpc_url") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput(
                f"expected an http or https URL, got {url!r}",
                field="rpc_url",
                hint="for example http://127.0.0.1:8545",
            )
        self.timeout_s = timeout_s
        self.patience_s = patience_s
        self._given_url = url
        self._host, self._port, self._secure = parts.hostname, port, parts.scheme == "https"
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.url = f"{parts.scheme}://{parts.hostname}{f':{port}' if port else ''}{parts.path}"
        """The URL without credentials, for messages."""
        self._headers = {"Content-Type": "application/json"}
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
        self._local = threading.local()

    def __reduce__(self) -> tuple[type[RpcClient], tuple[str, float, float]]:
        return type(self), (self._given_url, self.timeout_s, self.patience_s)

    def call(self, method: str, *params: Any) -> Any:
        """Send one request and return its result. Raises `RpcError`, `ChainUnavailableError`."""
        payload = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        patience = Patience(self.url, self.patience_s)
        transient = 0
        while True:
            try:
                return self._answer(method, params, payload, patience)
            except RpcError as error:
                limit = limit_of(error)
                if limit is not None and patience.wait(limit):
                    continue
                transient += 1
                if not is_transient(error) or transient > _TRANSIENT_RETRIES:
                    raise

    def _answer(self, method: str, params: Sequence[Any], payload: bytes, patience: Patience) -> Any:
        result = self._result(method, self._exchange(payload, patience))
        if result is None and method == "eth_getBlockByNumber" and params[0] == "latest":
            raise self._unusable("the node has no latest block")
        return result

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Send many requests in one exchange and return their results in order. Raises the first error."""
        answers = self.batch_outcomes(requests)
        for answer in answers:
            if isinstance(answer, RpcError):
                raise answer
        return answers

    def batch_outcomes(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Like `batch`, but the outcome of a failed request is its `RpcError`."""
        patience = Patience(self.url, self.patience_s)
        outcomes = self._limited_batch(requests, patience)
        for _ in range(_TRANSIENT_RETRIES):
            failed = [index for index, outcome in enumerate(outcomes) if is_transient(outcome)]
            if not failed:
                break
            again = self._limited_batch([requests[index] for index in failed], patience)
            for index, outcome in zip(failed, again, strict=True):
                outcomes[index] = outcome
        return outcomes

    def _limited_batch(self, requests: Sequence[tuple[str, Sequence[Any]]], patience: Patience) -> list[Any]:
        """Send requests; send those again that met a rate limit, half as many at once if all of them did."""
        outcomes: list[Any] = [None] * len(requests)
        waiting = list(range(len(requests)))
        size = len(requests)
        while waiting:
            chunk, waiting = waiting[:size], waiting[size:]
            limited = []
            limit = None
            for index, outcome in zip(
                chunk, self._batch_once([requests[index] for index in chunk], patience), strict=True
            ):
                outcomes[index] = outcome
                found = limit_of(outcome)
                if found is not None:
                    limit = found if limit is None else max(limit, found)
                    limited.append(index)
            if limit is not None and patience.wait(limit):
                waiting = limited + waiting
                size = max(1, size // 2) if len(limited) == len(chunk) else size
        return outcomes

    def _batch_once(self, requests: Sequence[tuple[str, Sequence[Any]]], patience: Patience) -> list[Any]:
        outcomes: list[Any] = []
        items: list[bytes] = []
        size = 0
        for number, (method, params) in enumerate(requests):
            if items and (size > _MAX_BODY or len(items) == _MAX_ITEMS):
                outcomes += self._exchange_items(items, requests[number - len(items) : number], patience)
                items, size = [], 0
            items.append(orjson.dumps({"jsonrpc": "2.0", "id": len(items), "method": method, "params": params}))
            size += len(items[-1])
        if items:
            outcomes += self._exchange_items(items, requests[len(requests) - len(items) :], patience)
        return outcomes

    def _exchange_items(
        self, items: Sequence[bytes], requests: Sequence[tuple[str, Sequence[Any]]], patience: Patience
    ) -> list[Any]:
        answers = self._exchange(b"[" + b",".join(items) + b"]", patience)
        if not isinstance(answers, list):
            try:
                self._result("batch", answers)
            except RpcError as error:
                if limit_of(error) is None:
                    raise
                return [error] * len(items)
            raise self._unusable("the node does not support JSON-RPC batches")
        by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        outcomes: list[Any] = []
        for index, (method, _) in enumerate(requests):
            try:
                outcomes.append(self._result(method, by_id.get(index)))
            except RpcError as error:
                outcomes.append(error)
        return outcomes

    def close(self) -> None:
        """Close this thread's connection. The next request opens a new one."""
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def _result(self, method: str, answer: Any) -> Any:
        if not isinstance(answer, dict) or not ("result" in answer or "error" in answer):
            raise self._unusable("the response is not JSON-RPC")
        error = answer.get("error")
        if error is None:
            return self._checked(method, answer.get("result"))
        if not isinstance(error, dict):
            raise RpcError(method, _INTERNAL_ERROR, str(error))
        code = error.get("code")
        number = code if isinstance(code, int) else _INTERNAL_ERROR
        raise RpcError(method, number, str(error.get("message", "")), error.get("data"))

    def _checked(self, method: str, result: Any) -> Any:
        """Return the result if it has the method's form; a misconfigured proxy returns anything."""
        form = _RESULT_FORMS.get(method)
        if form is not None and not (isinstance(result, str) and form.fullmatch(result)):
            raise self._unusable(f"invalid result of {method}: {str(orjson.dumps(result), 'utf-8', 'replace')[:60]}")
        return result

    def _unusable(self, reason: str) -> ChainUnavailableError:
        return ChainUnavailableError(
            f"{self.url}: {reason}", field="rpc_url", hint="set rpc_url to the JSON-RPC port of an Ethereum node"
        )

    def _exchange(self, payload: bytes, patience: Patience) -> Any:
        """Send a body and return the decoded answer; wait and send it again while the node limits the rate."""
        while True:
            status, headers, content = self._post_again_if_stale(payload)
            if status not in _LIMITED_STATUSES:
                break
            patience.wait_or_raise(
                f"HTTP status {status}{_described(content)}", retry_after_s(headers.get("retry-after"))
            )
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise self._unusable(f"HTTP status {status}{_described(content) or ' and no JSON'}") from error

    def _post_again_if_stale(self, payload: bytes) -> tuple[int, Mapping[str, str], bytes]:
        fresh = getattr(self._local, "connection", None) is None
        try:
            return self._post(payload)
        except _STALE as error:
            self.close()
            if fresh:
                raise self._unreachable(error) from error
        except _FAILED as error:
            self.close()
            raise self._unreachable(error) from error
        try:
            return self._post(payload)
        except _FAILED as again:
            self.close()
            raise self._unreachable(again) from again

    def _post(self, payload: bytes) -> tuple[int, Mapping[str, str], bytes]:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            if self._secure:
                context = ssl.create_default_context()
                connection = http.client.HTTPSConnection(
                    self._host, self._port, timeout=self.timeout_s, context=context
                )
            else:
                connection = http.client.HTTPConnection(self._host, self._port, timeout=self.timeout_s)
            self._local.connection = connection
        connection.request("POST", self._path, body=payload, headers=self._headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()

    def _unreachable(self, error: Exception) -> ChainUnavailableError:
        if isinstance(error, TimeoutError):
            return ChainUnavailableError(
                f"no response from {self.url} within {self.timeout_s:g} s",
                field="rpc_url",
                hint="the node is overloaded or hangs; check its log",
            )
        return ChainUnavailableError(
            f"no node responded at {self.url}: {error}",
            field="rpc_url",
            hint="start the node (`chromatrace chain start` starts a local one) or correct rpc_url",
        )


def _described(content: bytes) -> str:
    """Return that a body is an HTML page, and its title; empty for other bodies."""
    if not _HTML.match(content):
        return ""
    title = _TITLE.search(content.decode("utf-8", "replace"))
    text = "" if title is None else " ".join("".join(filter(str.isprintable, title[1])).split())
    return " and an HTML page" + (f" ({text!r})" if text else "") + " instead of JSON-RPC"
