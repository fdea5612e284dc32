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


def test_a_call(node, rpc):
    node.replies = [ok]
    assert rpc.call("web3_clientVersion") == "web3_clientVersion"
    path, login, body = node.seen[0]
    assert (path, login) == ("/v1?key=1", "Basic dXNlcjpwQHNz")
    assert body["params"] == []
    assert "p%40ss" not in rpc.url


@pytest.mark.parametrize("url", ["http://[::1", "http://127.0.0.1:99999", "x", "", "ftp://127.0.0.1", "http://"])
def test_what_is_no_url_is_refused_as_that(url):
    with pytest.raises(InvalidInput) as refusal:
        RpcClient(url)
    assert refusal.value.field == "rpc_url"


def test_a_batch_is_put_in_order(node, rpc):
    node.replies = [lambda body: [ok(item) for item in reversed(body)]]
    assert rpc.batch([("a", []), ("b", [1])]) == ["a", "b"]


def test_a_large_batch_goes_out_in_parts_and_comes_back_in_order(node, rpc):
    node.replies = [lambda body: [{"id": item["id"], "result": item["params"][0][:1]} for item in body]] * 3
    assert rpc.batch([("a", [letter * 300_000]) for letter in "abcde"]) == list("abcde")
    assert [len(body) for _, _, body in node.seen] == [2, 2, 1]


def test_errors_in_a_batch_stand_in_their_place(node, rpc):
    def mixed(body):
        error = {"code": 3, "message": "execution reverted", "data": "0x1234"}
        return [ok(body[0]), {"jsonrpc": "2.0", "id": body[1]["id"], "error": error}]

    node.replies = [mixed, mixed]
    outcomes = rpc.batch_outcomes([("a", []), ("b", [])])
    assert outcomes[0] == "a"
    assert (outcomes[1].code, outcomes[1].data, outcomes[1].method) == (3, "0x1234", "b")
    with pytest.raises(RpcError, match="execution reverted"):
        rpc.batch([("a", []), ("b", [])])


def test_a_block_pruned_meanwhile_is_asked_for_again(node, rpc):
    def pruned(body):
        return [{"id": item["id"], "error": {"code": -32602, "message": "BlockOutOfRangeError: …"}} for item in body]

    node.replies = [pruned, pruned, lambda body: [ok(item) for item in body]]
    assert rpc.batch([("a", []), ("b", [])]) == ["a", "b"]

    def pruned_alone(body):
        return {"id": body["id"], "error": {"code": -32602, "message": "BlockOutOfRangeError: …"}}

    node.replies = [pruned_alone, pruned_alone, ok]
    assert rpc.call("a") == "a"


def test_a_connection_closed_while_idle_is_opened_again(node, rpc):
    node.replies = [ok, None, ok]
    rpc.call("a")
    assert rpc.call("b") == "b"


def test_a_node_that_hangs_up_is_unavailable(node, rpc):
    node.replies = [None]
    with pytest.raises(ChainUnavailableError) as refusal:
        rpc.call("a")
    assert refusal.value.field == "rpc_url"


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"7", b'{"id": 1}'])
def test_answers_that_are_not_json_rpc(node, rpc, content):
    node.replies = [content]
    with pytest.raises(ChainUnavailableError) as refusal:
        rpc.call("a")
    assert refusal.value.field == "rpc_url"


def test_a_null_result_is_none(node, rpc):
    node.replies = [lambda body: {"id": body["id"], "result": None, "error": None}]
    assert rpc.call("eth_getTransactionReceipt") is None


def test_nobody_listens():
    with pytest.raises(ChainUnavailableError, match=r"no chain answers at http://127\.0\.0\.1:1") as refusal:
        RpcClient("http://127.0.0.1:1").call("eth_chainId")
    assert refusal.value.field == "rpc_url"
    assert "chromatrace up" in refusal.value.hint


@pytest.mark.parametrize("url", ["", "127.0.0.1:8545", "ws://127.0.0.1", "http://", "http://host:port"])
def test_what_is_no_url(url):
    with pytest.raises(InvalidInput) as refusal:
        RpcClient(url)
    assert refusal.value.field == "rpc_url"


@pytest.mark.parametrize("made_up", ["x", None, 7, "0x", "", {}, "0x" + "1" * 65])
@pytest.mark.parametrize("method", ["eth_chainId", "eth_getTransactionCount", "eth_estimateGas"])
def test_what_is_no_number_is_no_answer_to_a_question_for_one(node, rpc, method, made_up):
    node.replies = [lambda body: {"id": body["id"], "result": made_up}]
    with pytest.raises(ChainUnavailableError) as refusal:
        rpc.call(method)
    assert (refusal.value.field, method in refusal.value.message) == ("rpc_url", True)


@pytest.mark.parametrize("made_up", [None, "0x1", "0xzz", []])
def test_what_is_no_data_is_no_answer_to_a_call(node, rpc, made_up):
    node.replies = [lambda body: [{"id": item["id"], "result": made_up} for item in body]]
    with pytest.raises(ChainUnavailableError):
        rpc.batch([("eth_call", [{}, "latest"])])


def test_a_node_without_a_latest_block_is_none(node, rpc):
    node.replies = [lambda body: {"id": body["id"], "result": None}] * 2
    with pytest.raises(ChainUnavailableError):
        rpc.call("eth_getBlockByNumber", "latest", False)
    assert rpc.call("eth_getBlockByNumber", "0x5", False) is None


def test_an_error_with_a_code_that_is_no_number_is_an_error(node, rpc):
    node.replies = [lambda body: {"id": body["id"], "error": {"code": "E1", "message": "no"}}]
    with pytest.raises(RpcError) as refusal:
        rpc.call("eth_chainId")
    assert refusal.value.node_message == "no"
