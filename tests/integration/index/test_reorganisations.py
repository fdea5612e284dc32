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
def test_blocks_replaced_by_others(yard, index, follower, rebuilt_digest, depth):
    yard.live(30 + depth)
    follower.sync()
    before = head(yard)
    yard.rpc.call("anvil_rollback", depth)
    yard.live(max(1, depth // 2))
    done = follower.sync()
    assert done.undone_blocks == depth
    assert done.from_block == before
    assert query(index).head().indexed_block == head(yard)
    assert query(index).digest() == rebuilt_digest()


def test_blocks_removed(yard, index, follower, rebuilt_digest):
    yard.live(20)
    follower.sync()
    yard.rpc.call("anvil_rollback", 9)
    done = follower.sync()
    assert (done.undone_blocks, done.indexed_block) == (9, head(yard))
    assert query(index).digest() == rebuilt_digest()


def test_a_fork_of_the_same_length(yard, index, follower, rebuilt_digest):
    yard.live(30)
    follower.sync()
    old = query(index).digest()
    yard.rpc.call("anvil_reorg", 12, [])
    done = follower.sync()
    assert done.undone_blocks == 12
    assert query(index).digest() == rebuilt_digest() != old


def test_a_fork_from_an_earlier_snapshot(yard, index, follower, rebuilt_digest):
    yard.live(20)
    mark = yard.rpc.call("evm_snapshot")
    yard.live(25)
    follower.sync()
    assert revert(yard.rpc, mark)
    yard.live(40)
    assert follower.sync().undone_blocks > 0
    assert query(index).digest() == rebuilt_digest()


def test_a_fork_below_the_recent_blocks(yard, index, follower, rebuilt_digest):
    yard.live(10)
    low = head(yard)
    yard.rpc.call("anvil_mine", hex(WINDOW + 40))
    yard.live(10)
    follower.sync()
    yard.rpc.call("anvil_rollback", head(yard) - low + 4)
    yard.live(5)
    done = follower.sync()
    assert done.undone_blocks > WINDOW
    assert query(index).digest() == rebuilt_digest()


def test_rollback_to_the_deployment(yard, index, follower, rebuilt_digest):
    """Only the events of the deployment remain."""
    mark = yard.rpc.call("evm_snapshot")
    yard.live(5)
    follower.sync()
    first = yard.manifest.block
    for row in query(index).events(limit=1):
        assert row.block_number >= first
    assert revert(yard.rpc, mark)
    follower.sync()
    assert query(index).digest() == rebuilt_digest()


def test_undone_proofs(yard, index, follower, rebuilt_digest):
    batch, line = yard.register(), yard.design(2)
    assert yard.prove(line, batch)
    kept = head(yard)
    other = yard.design(3)
    assert yard.prove(other, batch)
    assert yard.revoke("station 2")
    follower.sync()
    routes = [line.design.route, other.design.route]
    assert [query(index).proof_of(batch, route) is not None for route in routes] == [True, True]
    yard.rpc.call("anvil_rollback", head(yard) - kept)
    yard.live(2)
    follower.sync()
    assert [query(index).proof_of(batch, route) is not None for route in routes] == [True, False]
    assert query(index).route(other.design.route) is None
    assert query(index).digest() == rebuilt_digest()
    yard.rpc.call("anvil_rollback", head(yard) - kept + 1)
    yard.live(2)
    follower.sync()
    assert [query(index).proof_of(batch, route) for route in routes] == [None, None]
    assert query(index).digest() == rebuilt_digest()


def test_many_reorganisations_in_sequence(yard, index, follower, rebuilt_digest):
    yard.random.seed(11)
    yard.live(20)
    for _ in range(8):
        yard.live(yard.random.randint(1, 12))
        follower.sync()
        yard.rpc.call("anvil_rollback", yard.random.randint(1, 10))
        yard.live(yard.random.randint(0, 6))
        follower.sync()
        assert query(index).digest() == rebuilt_digest()


def test_reorganisation_between_two_responses(yard, index, rebuilt_digest):
    yard.live(40)

    class Unsteady(RpcClient):
        """The node reorganises right after its first response with logs."""

        turned = 0

        def call(self, method, *params):
            answer = super().call(method, *params)
            if method == "eth_getLogs" and self.turned < 2:
                self.turned += 1
                super().call("anvil_reorg", 5, [])
            return answer

    rpc = Unsteady(yard.rpc.url)
    Follower(index, rpc, yard.manifest).sync()
    assert rpc.turned == 2
    assert query(index).digest() == rebuilt_digest()


def test_missing_logs_are_requested_by_block_hash(yard, index, rebuilt_digest):
    """The range query is answered as by a node on another fork."""
    yard.live(20)
    last = index_of_last_event(yard)

    class Forgetful(RpcClient):
        kept_back = 0

        def call(self, method, *params):
            answer = super().call(method, *params)
            if method == "eth_getLogs":
                full = len(answer)
                answer = [log for log in answer if log["blockNumber"] != last]
                self.kept_back += full - len(answer)
            return answer

    rpc = Forgetful(yard.rpc.url)
    Follower(index, rpc, yard.manifest).sync()
    assert rpc.kept_back > 0
    assert query(index).digest() == rebuilt_digest()


def index_of_last_event(world):
    logs = world.rpc.call("eth_getLogs", {"fromBlock": "0x0", "address": [*world.manifest.names_by_address]})
    return logs[-1]["blockNumber"]


def test_with_confirmations_shallow_reorganisations_undo_nothing(yard, index, rebuilt_digest):
    follower = Follower(index, yard.rpc, yard.manifest, confirmations=5)
    yard.live(30)
    assert follower.sync().indexed_block == head(yard) - 5
    assert query(index).head().lag_blocks == 5
    assert query(index).head().confirmations == 5
    digest = query(index).digest()
    yard.rpc.call("anvil_reorg", 5, [])
    done = follower.sync()
    assert (done.undone_blocks, done.undone_events) == (0, 0)
    assert query(index).digest() == digest == rebuilt_digest(confirmations=5)
    yard.rpc.call("anvil_reorg", 8, [])
    assert follower.sync().undone_blocks == 3
    assert query(index).digest() == rebuilt_digest(confirmations=5)


def test_only_finalized_blocks(yard, index):
    follower = Follower(index, yard.rpc, yard.manifest, finalized=True)
    yard.live(5)
    follower.sync()
    final = yard.rpc.call("eth_getBlockByNumber", "finalized", False)
    expected = max(int(final["number"], 16), yard.manifest.block - 1) if final else yard.manifest.block - 1
    assert query(index).head().indexed_block == expected
    assert query(index).head().indexed_block < head(yard)
    assert query(index).head().confirmations is None


def test_a_reorganisation_is_logged(yard, index, follower, caplog):
    yard.live(5)
    follower.sync()
    yard.rpc.call("anvil_rollback", 3)
    with caplog.at_level(logging.WARNING, "chromatrace.index"):
        follower.sync()
    assert "reorganised 3 blocks" in caplog.text
