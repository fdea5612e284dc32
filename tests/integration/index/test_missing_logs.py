"""Nodes that return fewer logs than their blocks have."""

from __future__ import annotations

from contextlib import closing

import pytest
from faulty_node import faulty_node
from querying import query

from chromatrace.ethereum.errors import MissingLogsError
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.index import Follower, Index
from chromatrace.index.chain_reader import ChainReader
from chromatrace.index.counters import compare_counters


@pytest.fixture
def fresh(tmp_path):
    with closing(Index(tmp_path / "index.db")) as index:
        yield index


@pytest.fixture
def node(world):
    with faulty_node(world.rpc.url) as node:
        yield node


def number_of(log):
    return int(log["blockNumber"], 16)


def losing(lost, *, receipts=False):
    """Return a fault: logs for which `lost` is true are not returned; with `receipts`, neither in receipts."""

    def answered(request, answer):
        if request["method"] == "eth_getLogs" and "result" in answer:
            return {**answer, "result": [log for log in answer["result"] if not lost(log)]}
        if receipts and request["method"] in ("eth_getBlockReceipts", "eth_getTransactionReceipt"):
            return {**answer, "result": None}
        return answer

    return answered


def head(rpc):
    return int(rpc.call("eth_blockNumber"), 16)


def logs_of(world):
    query = {"address": list(world.manifest.names_by_address), "fromBlock": "0x0", "toBlock": "latest"}
    return world.rpc.call("eth_getLogs", query)


@pytest.mark.parametrize("depth", [0, 300], ids=["newest blocks", "earlier blocks"])
@pytest.mark.parametrize("receipts", [False, True], ids=["receipts kept", "receipts lost"])
def test_a_node_without_logs_is_not_an_empty_chain(world, node, fresh, depth, receipts):
    world.rpc.call("anvil_mine", hex(depth))
    node.answered = losing(lambda log: True, receipts=receipts)
    follower = Follower(fresh, RpcClient(node.url), world.manifest)
    with pytest.raises(MissingLogsError, match="this node does not serve the logs of block") as raised:
        follower.sync()
    assert raised.value.field == "rpc_url"
    assert query(fresh).head().indexed_block < number_of(logs_of(world)[0])
    node.answered = losing(lambda log: False)
    assert follower.sync().indexed_block == head(world.rpc)
    assert query(fresh).organisations()


@pytest.mark.parametrize("depth", [0, 300], ids=["newest blocks", "earlier blocks"])
def test_a_pruned_range_is_named(world, node, fresh, depth):
    world.act_randomly(20)
    logs = logs_of(world)
    first = number_of(logs[len(logs) // 2])
    world.rpc.call("anvil_mine", hex(depth))
    node.answered = losing(lambda log: number_of(log) >= first)
    with pytest.raises(MissingLogsError, match=f"the logs of blocks? {first} "):
        Follower(fresh, RpcClient(node.url), world.manifest).sync()
    assert query(fresh).head().indexed_block < first


@pytest.mark.parametrize("position", ["first", "last", "contract"])
def test_a_block_with_some_of_its_logs_is_detected(world, node, fresh, position):
    """One transaction emitted several logs; the node lost one of them."""
    world.register(many=3)
    number = head(world.rpc)
    in_block = [log for log in logs_of(world) if number_of(log) == number]
    assert len(in_block) >= 3
    lost = {"first": in_block[:1], "last": in_block[-1:], "contract": in_block}[position]
    node.answered = losing(lambda log: log in lost)
    with pytest.raises(MissingLogsError, match=f"the logs of block {number} "):
        Follower(fresh, RpcClient(node.url), world.manifest).sync()
    assert query(fresh).head().indexed_block < number


def test_a_node_that_finds_the_logs_by_block_hash_is_used(world, node, fresh, rebuilt_digest):
    world.act_randomly(10)
    expected = rebuilt_digest()

    def answered(request, answer):
        by_range = request["method"] == "eth_getLogs" and "blockHash" not in request["params"][0]
        return {**answer, "result": []} if by_range else answer

    node.answered = answered
    Follower(fresh, RpcClient(node.url), world.manifest).sync()
    assert query(fresh).digest() == expected


def test_counters_of_the_contracts_are_compared_with_the_index(world, fresh):
    """The rows are changed here as a node without blooms and receipts would leave them."""
    world.act_randomly(60)
    follower = Follower(fresh, world.rpc, world.manifest)
    follower.sync()
    cursor = ChainReader(world.rpc, world.manifest.names_by_address).header(head(world.rpc))
    compare_counters(world.rpc, world.manifest, fresh.engine, cursor)
    for table, change in (
        ("organisations", "DELETE FROM organisations WHERE id = (SELECT max(id) FROM organisations)"),
        ("channels", "UPDATE channels SET size = size - 1"),
        ("record", "UPDATE record_batches SET count = count - 1"),
    ):
        with fresh.engine.begin() as connection:
            assert connection.exec_driver_sql(change).rowcount
        again = Follower(fresh, world.rpc, world.manifest)
        for _ in range(2):
            with pytest.raises(MissingLogsError, match="the contracts have") as raised:
                again.sync()
        assert "index rebuild" in raised.value.hint, table
        follower.rebuild()
        again.sync()


def test_a_chain_without_bloom_filters_and_block_receipts_is_indexed(world, node, fresh, rebuilt_digest):
    world.act_randomly(10)
    expected = rebuilt_digest()

    def answered(request, answer):
        if request["method"] == "eth_getBlockReceipts":
            return {"id": answer["id"], "error": {"code": -32601, "message": "unknown method"}}
        if request["method"].startswith("eth_getBlockBy"):
            answer["result"].pop("logsBloom")
        return answer

    node.answered = answered
    Follower(fresh, RpcClient(node.url), world.manifest).sync()
    assert query(fresh).digest() == expected
