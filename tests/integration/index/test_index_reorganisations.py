"""After any reorganisation, the index equals a rebuilt one."""

from __future__ import annotations

import logging

import pytest
from dev_chain import revert
from querying import query

from chromatrace.ethereum.rpc import RpcClient
from chromatrace.index import Follower
from chromatrace.index.chain_reader import WINDOW


def head(world):
    return int(world.rpc.call("eth_blockNumber"), 16)


@pytest.mark.parametrize("depth", [1, 2, 7, 64])
def test_blocks_replaced_by_others(world, index, follower, rebuilt_digest, depth):
    world.act_randomly(30 + depth)
    follower.sync()
    before = head(world)
    world.rpc.call("anvil_rollback", depth)
    world.act_randomly(max(1, depth // 2))
    result = follower.sync()
    assert result.undone_blocks == depth
    assert result.from_block == before
    assert query(index).head().indexed_block == head(world)
    assert query(index).digest() == rebuilt_digest()


def test_blocks_removed(world, index, follower, rebuilt_digest):
    world.act_randomly(20)
    follower.sync()
    world.rpc.call("anvil_rollback", 9)
    result = follower.sync()
    assert (result.undone_blocks, result.indexed_block) == (9, head(world))
    assert query(index).digest() == rebuilt_digest()


def test_a_fork_of_the_same_length(world, index, follower, rebuilt_digest):
    world.act_randomly(30)
    follower.sync()
    old = query(index).digest()
    world.rpc.call("anvil_reorg", 12, [])
    result = follower.sync()
    assert result.undone_blocks == 12
    assert query(index).digest() == rebuilt_digest() != old


def test_a_fork_from_an_earlier_snapshot(world, index, follower, rebuilt_digest):
    world.act_randomly(20)
    mark = world.rpc.call("evm_snapshot")
    world.act_randomly(25)
    follower.sync()
    assert revert(world.rpc, mark)
    world.act_randomly(40)
    assert follower.sync().undone_blocks > 0
    assert query(index).digest() == rebuilt_digest()


def test_a_fork_below_the_recent_blocks(world, index, follower, rebuilt_digest):
    world.act_randomly(10)
    low = head(world)
    world.rpc.call("anvil_mine", hex(WINDOW + 40))
    world.act_randomly(10)
    follower.sync()
    world.rpc.call("anvil_rollback", head(world) - low + 4)
    world.act_randomly(5)
    result = follower.sync()
    assert result.undone_blocks > WINDOW
    assert query(index).digest() == rebuilt_digest()


def test_rollback_to_the_deployment(world, index, follower, rebuilt_digest):
    """Only the events of the deployment remain."""
    mark = world.rpc.call("evm_snapshot")
    world.act_randomly(5)
    follower.sync()
    first = world.manifest.block
    for row in query(index).events(limit=1):
        assert row.block_number >= first
    assert revert(world.rpc, mark)
    follower.sync()
    assert query(index).digest() == rebuilt_digest()


def test_undone_proofs(world, index, follower, rebuilt_digest):
    batch, line = world.register(), world.design(2)
    assert world.prove(line, batch)
    kept = head(world)
    other = world.design(3)
    assert world.prove(other, batch)
    assert world.revoke("station 2")
    follower.sync()
    routes = [line.design.route, other.design.route]
    assert [query(index).proof_of(batch, route) is not None for route in routes] == [True, True]
    world.rpc.call("anvil_rollback", head(world) - kept)
    world.act_randomly(2)
    follower.sync()
    assert [query(index).proof_of(batch, route) is not None for route in routes] == [True, False]
    assert query(index).route(other.design.route) is None
    assert query(index).digest() == rebuilt_digest()
    world.rpc.call("anvil_rollback", head(world) - kept + 1)
    world.act_randomly(2)
    follower.sync()
    assert [query(index).proof_of(batch, route) for route in routes] == [None, None]
    assert query(index).digest() == rebuilt_digest()


def test_many_reorganisations_in_sequence(world, index, follower, rebuilt_digest):
    world.random.seed(11)
    world.act_randomly(20)
    for _ in range(8):
        world.act_randomly(world.random.randint(1, 12))
        follower.sync()
        world.rpc.call("anvil_rollback", world.random.randint(1, 10))
        world.act_randomly(world.random.randint(0, 6))
        follower.sync()
        assert query(index).digest() == rebuilt_digest()


def test_reorganisation_between_two_responses(world, index, rebuilt_digest):
    world.act_randomly(40)

    class ReorganisingClient(RpcClient):
        """Reorganises the chain after each of the first two responses with logs."""

        reorganisations = 0

        def call(self, method, *params):
            answer = super().call(method, *params)
            if method == "eth_getLogs" and self.reorganisations < 2:
                self.reorganisations += 1
                super().call("anvil_reorg", 5, [])
            return answer

    rpc = ReorganisingClient(world.rpc.url)
    Follower(index, rpc, world.manifest).sync()
    assert rpc.reorganisations == 2
    assert query(index).digest() == rebuilt_digest()


def test_missing_logs_are_requested_by_block_hash(world, index, rebuilt_digest):
    """The response to the range query is that of a node on another fork."""
    world.act_randomly(20)
    last = block_of_last_event(world)

    class IncompleteClient(RpcClient):
        omitted = 0

        def call(self, method, *params):
            answer = super().call(method, *params)
            if method == "eth_getLogs":
                total = len(answer)
                answer = [log for log in answer if log["blockNumber"] != last]
                self.omitted += total - len(answer)
            return answer

    rpc = IncompleteClient(world.rpc.url)
    Follower(index, rpc, world.manifest).sync()
    assert rpc.omitted > 0
    assert query(index).digest() == rebuilt_digest()


def block_of_last_event(world):
    logs = world.rpc.call("eth_getLogs", {"fromBlock": "0x0", "address": [*world.manifest.names_by_address]})
    return logs[-1]["blockNumber"]


def test_reorganisations_within_the_confirmations_undo_nothing(world, index, rebuilt_digest):
    follower = Follower(index, world.rpc, world.manifest, confirmations=5)
    world.act_randomly(30)
    assert follower.sync().indexed_block == head(world) - 5
    assert query(index).head().lag_blocks == 5
    assert query(index).head().confirmations == 5
    digest = query(index).digest()
    world.rpc.call("anvil_reorg", 5, [])
    result = follower.sync()
    assert (result.undone_blocks, result.undone_events) == (0, 0)
    assert query(index).digest() == digest == rebuilt_digest(confirmations=5)
    world.rpc.call("anvil_reorg", 8, [])
    assert follower.sync().undone_blocks == 3
    assert query(index).digest() == rebuilt_digest(confirmations=5)


def test_only_finalized_blocks_are_indexed(world, index):
    follower = Follower(index, world.rpc, world.manifest, finalized=True)
    world.act_randomly(5)
    follower.sync()
    final = world.rpc.call("eth_getBlockByNumber", "finalized", False)
    expected = max(int(final["number"], 16), world.manifest.block - 1) if final else world.manifest.block - 1
    assert query(index).head().indexed_block == expected
    assert query(index).head().indexed_block < head(world)
    assert query(index).head().confirmations is None


def test_a_reorganisation_is_logged(world, index, follower, caplog):
    world.act_randomly(5)
    follower.sync()
    world.rpc.call("anvil_rollback", 3)
    with caplog.at_level(logging.WARNING, "chromatrace.index"):
        follower.sync()
    assert "reorganised 3 blocks" in caplog.text
