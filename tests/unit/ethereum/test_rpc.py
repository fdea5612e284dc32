"""JSON-RPC against a real HTTP server that misbehaves as nodes and proxies do."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest

from chromatrace.domain.errors import InvalidInput
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
        content = content if isinstance(content, bytes) else orjson.dumps(content)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
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
