"""JSON-RPC against a real HTTP server that misbehaves as nodes and proxies do."""

import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest

from chromatrace.domain.errors import InvalidInput
from chromatrace.ethereum import rate_limits
from chromatrace.ethereum.errors import ChainUnavailableError, RpcError
from chromatrace.ethereum.rpc import RpcClient


class Node(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, self.headers.get("Authorization"), body))
        reply = self.server.replies.pop(0)
        if reply is None:
            self.close_connection = True
            self.connection.close()
            return
        content = reply(body) if callable(reply) else reply
        status, headers, content = content if isinstance(content, tuple) else (200, {}, content)
        content = content if isinstance(content, bytes) else orjson.dumps(content)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def node():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Node)
    server.seen, server.replies = [], []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def rpc(node):
    client = RpcClient(f"http://user:p%40ss@127.0.0.1:{node.server_port}/v1?key=1", timeout_s=60)
    yield client
    client.close()


def ok(body):
    return {"jsonrpc": "2.0", "id": body["id"], "result": body["method"]}


def test_call_returns_the_result(node, rpc):
    node.replies = [ok]
    assert rpc.call("web3_clientVersion") == "web3_clientVersion"
    path, login, body = node.seen[0]
    assert (path, login) == ("/v1?key=1", "Basic dXNlcjpwQHNz")
    assert body["params"] == []
    assert "p%40ss" not in rpc.url


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://127.0.0.1:99999",
        "x",
        "",
        "127.0.0.1:8545",
        "ws://127.0.0.1",
        "http://",
        "http://host:port",
    ],
)
def test_malformed_url_is_rejected(url):
    with pytest.raises(InvalidInput) as raised:
        RpcClient(url)
    assert raised.value.field == "rpc_url"


def test_batch_results_are_in_order(node, rpc):
    node.replies = [lambda body: [ok(item) for item in reversed(body)]]
    assert rpc.batch([("a", []), ("b", [1])]) == ["a", "b"]


def test_large_batch_is_split(node, rpc):
    node.replies = [lambda body: [{"id": item["id"], "result": item["params"][0][:1]} for item in body]] * 3
    assert rpc.batch([("a", [letter * 300_000]) for letter in "abcde"]) == list("abcde")
    assert [len(body) for _, _, body in node.seen] == [2, 2, 1]


def test_batch_of_many_requests_is_split(node, rpc):
    node.replies = [lambda body: [ok(item) for item in body]] * 3
    assert rpc.batch([(str(number), []) for number in range(1_100)]) == [str(number) for number in range(1_100)]
    assert [len(body) for _, _, body in node.seen] == [500, 500, 100]


def test_batch_outcomes_include_errors(node, rpc):
    def mixed(body):
        error = {"code": 3, "message": "execution reverted", "data": "0x1234"}
        return [ok(body[0]), {"jsonrpc": "2.0", "id": body[1]["id"], "error": error}]

    node.replies = [mixed, mixed]
    outcomes = rpc.batch_outcomes([("a", []), ("b", [])])
    assert outcomes[0] == "a"
    assert (outcomes[1].code, outcomes[1].data, outcomes[1].method) == (3, "0x1234", "b")
    with pytest.raises(RpcError, match="execution reverted"):
        rpc.batch([("a", []), ("b", [])])


def test_pruned_block_is_requested_again(node, rpc):
    def pruned(body):
        return [{"id": item["id"], "error": {"code": -32602, "message": "BlockOutOfRangeError: …"}} for item in body]

    node.replies = [pruned, pruned, lambda body: [ok(item) for item in body]]
    assert rpc.batch([("a", []), ("b", [])]) == ["a", "b"]

    def pruned_alone(body):
        return {"id": body["id"], "error": {"code": -32602, "message": "BlockOutOfRangeError: …"}}

    node.replies = [pruned_alone, pruned_alone, ok]
    assert rpc.call("a") == "a"


def test_closed_idle_connection_is_reopened(node, rpc):
    node.replies = [ok, None, ok]
    rpc.call("a")
    assert rpc.call("b") == "b"


def test_node_that_closes_the_connection_is_unavailable(node, rpc):
    node.replies = [None]
    with pytest.raises(ChainUnavailableError) as raised:
        rpc.call("a")
    assert raised.value.field == "rpc_url"


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"7", b'{"id": 1}'])
def test_responses_that_are_not_json_rpc_are_rejected(node, rpc, content):
    node.replies = [content]
    with pytest.raises(ChainUnavailableError) as raised:
        rpc.call("a")
    assert raised.value.field == "rpc_url"


@pytest.fixture
def waits(monkeypatch):
    """Return the list of waits, which take no time."""
    waits = []
    monkeypatch.setattr(rate_limits.time, "sleep", waits.append)
    return waits


def limited(code=-32005, message="limit exceeded", data=None):
    def reply(body):
        error = {"code": code, "message": message, "data": data}
        answers = [{"id": item["id"], "error": error} for item in (body if isinstance(body, list) else [body])]
        return answers if isinstance(body, list) else answers[0]

    return reply


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_in_seconds_is_honoured(node, rpc, waits, status):
    node.replies = [(status, {"Retry-After": "3"}, b"slow down"), (status, {"Retry-After": "1"}, b"{}"), ok]
    assert rpc.call("a") == "a"
    assert waits == [3, 1]


def test_retry_after_as_a_date_is_honoured(node, rpc, waits):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    node.replies = [(429, {"Retry-After": date}, b""), lambda body: [ok(item) for item in body]]
    assert rpc.batch([("a", []), ("b", [])]) == ["a", "b"]
    assert 15 < waits[0] <= 20


def test_long_retry_after_is_capped(node, rpc, waits):
    node.replies = [(429, {"Retry-After": "86400"}, b"")] * 3
    with pytest.raises(
        ChainUnavailableError, match=r"HTTP status 429; waited 120 s; it asks to wait 86400 s"
    ) as raised:
        rpc.call("a")
    assert waits == [60, 60]
    assert raised.value.field == "rpc_url"


@pytest.mark.parametrize("header", ["-1", "soon", "", "1e3", "Wed, 21 Oct 2015 07:28:00 GMT", "٣"])
def test_invalid_or_past_retry_after_is_replaced_by_a_growing_wait(header):
    assert rate_limits.retry_after_s(header) == 0


def test_waits_without_a_named_time_grow_and_end(node, rpc, waits):
    node.replies = [limited()] * 20
    with pytest.raises(ChainUnavailableError, match="limits the rate of requests"):
        rpc.call("eth_call")
    assert waits[:4] == sorted(waits[:4])
    assert (0.5 <= waits[0] < 1, sum(waits) <= 30) == (True, True)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (-32005, "limit exceeded"),
        (429, "Your app has exceeded its compute units per second capacity"),
        (-32007, "50/second request limit reached"),
        (-32000, "Too Many Requests"),
    ],
)
def test_json_rpc_rate_limits_are_waited_for(node, rpc, waits, code, message):
    node.replies = [limited(code, message), ok]
    assert rpc.call("eth_blockNumber_") == "eth_blockNumber_"
    assert len(waits) == 1


def test_wait_that_an_error_names_is_honoured(node, rpc, waits):
    node.replies = [limited(data={"rate": {"backoff_seconds": 7, "current_rps": 2}}), ok]
    assert rpc.call("a") == "a"
    assert waits == [7]


def test_only_the_limited_elements_of_a_batch_are_sent_again(node, rpc, waits):
    def some(body):
        return [ok(item) if item["id"] % 2 else limited()([item])[0] for item in body]

    node.replies = [some, some, lambda body: [ok(item) for item in body]]
    assert rpc.batch([(letter, []) for letter in "abcd"]) == list("abcd")
    assert [[item["method"] for item in body] for _, _, body in node.seen] == [list("abcd"), list("ac"), ["a"]]
    assert len(waits) == 2


@pytest.mark.parametrize("whole", [True, False])
def test_batch_that_is_too_large_for_the_rate_is_halved(node, rpc, waits, whole):
    def at_most_two(body):
        if len(body) <= 2:
            return [ok(item) for item in body]
        return {"id": None, "error": {"code": -32005, "message": "rate limit"}} if whole else limited()(body)

    node.replies = [at_most_two] * 20
    letters = "abcdefgh"
    assert rpc.batch([(letter, []) for letter in letters]) == list(letters)
    assert len(waits) == 2


def test_limit_of_results_is_not_waited_for(node, rpc, waits):
    node.replies = [limited(message="query returned more than 10000 results")]
    with pytest.raises(RpcError, match="more than 10000 results"):
        rpc.call("eth_getLogs", {})
    assert waits == []


def test_limit_of_logs_that_may_be_one_of_results_is_waited_for_briefly(node, rpc, waits):
    node.replies = [limited()] * 9
    with pytest.raises(RpcError, match="limit exceeded"):
        rpc.call("eth_getLogs", {})
    assert 3 < sum(waits) < 12


def test_reverts_are_not_rate_limits(node, rpc, waits):
    node.replies = [limited(3, "execution reverted: quota of requests per day")]
    with pytest.raises(RpcError):
        rpc.call("eth_call", {})
    assert waits == []


@pytest.mark.parametrize("status", [200, 404, 502])
def test_html_is_reported_as_html(node, rpc, status):
    page = b"<!DOCTYPE html>\n<html><head><title>Bad\x1b[31m\n Gateway</title></head><body>nginx</body></html>"
    node.replies = [(status, {"Content-Type": "text/html"}, page)]
    with pytest.raises(ChainUnavailableError, match=f"HTTP status {status} and an HTML page .'Bad") as raised:
        rpc.call("a")
    assert "\x1b" not in raised.value.message


def test_null_result_is_none(node, rpc):
    node.replies = [lambda body: {"id": body["id"], "result": None, "error": None}]
    assert rpc.call("eth_getTransactionReceipt") is None


def test_unreachable_node_is_unavailable():
    with pytest.raises(ChainUnavailableError, match=r"no node responded at http://127\.0\.0\.1:1") as raised:
        RpcClient("http://127.0.0.1:1").call("eth_chainId")
    assert raised.value.field == "rpc_url"
    assert "chromatrace chain start" in raised.value.hint


@pytest.mark.parametrize("result", ["x", None, 7, "0x", "", {}, "0x" + "1" * 65])
@pytest.mark.parametrize("method", ["eth_chainId", "eth_getTransactionCount", "eth_estimateGas"])
def test_result_that_is_not_a_quantity_is_rejected(node, rpc, method, result):
    node.replies = [lambda body: {"id": body["id"], "result": result}]
    with pytest.raises(ChainUnavailableError) as raised:
        rpc.call(method)
    assert (raised.value.field, method in raised.value.message) == ("rpc_url", True)


@pytest.mark.parametrize("result", [None, "0x1", "0xzz", []])
def test_result_that_is_not_data_is_rejected(node, rpc, result):
    node.replies = [lambda body: [{"id": item["id"], "result": result} for item in body]]
    with pytest.raises(ChainUnavailableError):
        rpc.batch([("eth_call", [{}, "latest"])])


def test_node_without_latest_block_is_unavailable(node, rpc):
    node.replies = [lambda body: {"id": body["id"], "result": None}] * 2
    with pytest.raises(ChainUnavailableError):
        rpc.call("eth_getBlockByNumber", "latest", False)
    assert rpc.call("eth_getBlockByNumber", "0x5", False) is None


def test_error_code_that_is_not_a_number_is_internal_error(node, rpc):
    node.replies = [lambda body: {"id": body["id"], "error": {"code": "E1", "message": "no"}}]
    with pytest.raises(RpcError) as raised:
        rpc.call("eth_chainId")
    assert raised.value.node_message == "no"
