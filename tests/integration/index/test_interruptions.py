"""Killed and concurrent followers, unreachable chains and other chains."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
from faulty_node import faulty_node
from processes import start_follower
from querying import query
from sqlalchemy import text

from chromatrace.chain.dev_node import DevNode
from chromatrace.domain.errors import InvalidInput
from chromatrace.ethereum.errors import ChainUnavailableError, RpcError, WrongDeploymentError
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.index import Follower, Index
from chromatrace.index.chain_reader import ChainReader, HeaderSummary, LogRange
from chromatrace.index.errors import FollowerBusyError, IndexUnavailableError, WrongIndexError
from chromatrace.index.lock import writer_lock
from chromatrace.index.models import IndexTable
from chromatrace.index.writer import ChainStatus, IndexWriter
from chromatrace.storage.ports import held_port

KILLS = int(os.environ.get("CHROMATRACE_KILLS", "50"))
"""Number of kills for each kind of database."""


@pytest.fixture
def manifest_path(world):
    return world.manifest_path


def head(world):
    return int(world.rpc.call("eth_blockNumber"), 16)


def wait_for(condition, timeout_s=180.0):
    """Wait until the condition holds, and fail after the timeout."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "timeout"
        time.sleep(0.02)


def test_a_follower_killed_at_random_points_continues_without_loss(
    world, empty_index, empty_database_url, manifest_path, rebuilt_digest
):
    index = empty_index
    rng = random.Random(5)
    world.act_randomly(40)
    reached, longest_s = [-1], 0.25
    for number in range(KILLS):
        process = start_follower(empty_database_url, world.rpc.url, manifest_path, blocks_at_once=1)
        try:
            time.sleep(rng.uniform(0.0, longest_s))
            if number % 3 == 2:
                world.rpc.call("anvil_rollback", rng.randint(1, 12))
                world.act_randomly(16)
        finally:
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL
        try:
            reached.append(query(index).head().indexed_block)
        except IndexUnavailableError:
            assert reached == [-1] * len(reached), "the tables existed before"
            reached.append(-1)
        if len(set(reached)) < 3:
            longest_s *= 1.5  # the machine is busy; allow more progress
    assert len(set(reached)) > 2, "no kill interrupted the work"
    assert Follower(index, world.rpc, world.manifest).sync().indexed_block == head(world)
    assert query(index).digest() == rebuilt_digest()
    assert absent_indexes(index) == set()


def absent_indexes(index):
    """Return the names of the secondary indexes that the database lacks."""
    expected = {index.name for table in IndexTable.metadata.tables.values() for index in table.indexes}
    sqlite = index.engine.dialect.name == "sqlite"
    names = "SELECT name FROM sqlite_master" if sqlite else "SELECT indexname FROM pg_indexes"
    with index.engine.connect() as connection:
        return expected - set(connection.scalars(text(names)))


def test_indexes_dropped_for_a_backfill_exist_after_it_and_after_a_kill(world, index, monkeypatch, rebuilt_digest):
    world.act_randomly(30)
    monkeypatch.setattr("chromatrace.index.follower._ACCELERATED_EVENTS", 3)
    absent = []
    follower = Follower(index, world.rpc, world.manifest)
    follower._reader = ChainReader(world.rpc, world.manifest.names_by_address, max_span=1)
    follower.sync(lambda progress: absent.append(len(absent_indexes(index))))
    if index.engine.dialect.name == "sqlite":
        assert max(absent) > 5, "no index was dropped"
    assert absent_indexes(index) == set()
    assert query(index).digest() == rebuilt_digest()
    IndexWriter(index.engine).drop_secondary_indexes()
    Follower(index, world.rpc, world.manifest).sync()
    assert absent_indexes(index) == set()


def test_concurrent_followers_give_the_same_index(
    world, empty_index, empty_database_url, manifest_path, rebuilt_digest
):
    index = empty_index
    pair = [start_follower(empty_database_url, world.rpc.url, manifest_path, blocks_at_once=2) for _ in range(2)]
    try:
        for _ in range(6):
            world.act_randomly(5)
            world.rpc.call("anvil_rollback", 3)
        world.act_randomly(3)
        # Compare hashes: a block from before the last rollback may have the same number.
        wait_for(lambda: _indexed(index) == _newest(world.rpc))
        assert all(process.is_alive() for process in pair)
    finally:
        for process in pair:
            process.kill()
            process.join()
    assert query(index).digest() == rebuilt_digest()


def _indexed(index):
    """Return number and hash of the last indexed block, or None if there are no tables yet."""
    try:
        view = query(index).head()
    except IndexUnavailableError:
        return None
    return view.indexed_block, view.indexed_hash


def _newest(rpc):
    """Return number and hash of the newest block."""
    block = rpc.call("eth_getBlockByNumber", "latest", False)
    return int(block["number"], 16), bytes.fromhex(block["hash"][2:])


def test_a_second_follower_waits_and_then_fails(index, follower, world):
    impatient = Follower(Index(index.engine.url.render_as_string(False)), world.rpc, world.manifest, lock_timeout_s=0.2)
    busy = pytest.raises(FollowerBusyError, match="another follower is running")
    with writer_lock(index.engine, timeout_s=1.0), busy:
        impatient.sync()
    impatient.sync()


def test_a_cursor_moved_by_another_follower_is_an_error(world, index, follower):
    """The check protects the index on file systems without reliable locks."""
    world.act_randomly(3)
    follower.sync()
    store = IndexWriter(index.engine)
    cursor = store.cursor()
    stale = HeaderSummary(cursor.number - 1, b"\1" * 32, b"", 0)
    digest = query(index).digest()
    with pytest.raises(FollowerBusyError, match="another follower moved this index"):
        store.append(stale, LogRange(cursor.number, replace(cursor, number=cursor.number + 1)), ChainStatus(cursor, 0))
    with pytest.raises(FollowerBusyError):
        store.undo(stale, replace(cursor, number=0), ChainStatus(cursor, 0))
    assert query(index).digest() == digest


def test_rebuild_gives_the_same_index_on_both_databases(world, index, follower, rebuilt_digest):
    world.act_randomly(30)
    follower.sync()
    digest = query(index).digest()
    observed = []
    follower.rebuild(observed.append)
    assert query(index).digest() == digest == rebuilt_digest()
    assert observed[-1].indexed_block == head(world)


def test_a_node_with_a_result_limit_is_read_in_smaller_ranges(world, index, rebuilt_digest):
    world.act_randomly(30)

    class LimitedClient(RpcClient):
        rejections = 0

        def call(self, method, *params):
            answer = super().call(method, *params)
            if method == "eth_getLogs" and len(answer) > 5:
                type(self).rejections += 1
                raise RpcError(method, -32005, "query returned more than 5 results")
            return answer

    Follower(index, LimitedClient(world.rpc.url), world.manifest).sync()
    assert LimitedClient.rejections > 0
    assert query(index).digest() == rebuilt_digest()


def test_an_error_that_persists_in_smaller_ranges_is_raised(world, index):
    class BrokenClient(RpcClient):
        def call(self, method, *params):
            if method == "eth_getLogs":
                raise RpcError(method, -32601, "the method does not exist")
            return super().call(method, *params)

    with pytest.raises(RpcError, match="the method does not exist"):
        Follower(index, BrokenClient(world.rpc.url), world.manifest).sync()


def test_an_unreachable_chain_is_an_error(world, index):
    unreachable = RpcClient("http://127.0.0.1:9", timeout_s=1)
    with pytest.raises(ChainUnavailableError, match="no node responded"):
        Follower(index, unreachable, world.manifest).sync()


def test_run_continues_when_the_chain_is_back(world, index, tmp_path):
    """Until then, the state contains the error."""
    state = tmp_path / "chain"
    with (
        held_port("127.0.0.1", 0) as port,  # the node uses it again after its restart
        DevNode(port, state_path=state, history=True) as node,
    ):
        copy = _copy(world, node)
        with following(index, node.rpc(), copy) as follower:
            wait_for(lambda: _indexed(index) == _newest(node.rpc()))
            node.stop()
            wait_for(lambda: isinstance(follower.state.last_error, ChainUnavailableError))
            node.start()
            node.rpc().call("evm_mine")
            wait_for(lambda: _indexed(index) == _newest(node.rpc()))
            wait_for(lambda: follower.state.last_error is None)


@contextmanager
def following(index, rpc, manifest):
    """Run a follower in a thread while the block lasts, and yield it."""
    follower = Follower(index, rpc, manifest)
    stop = threading.Event()
    runner = threading.Thread(target=follower.run, args=(stop, 0.02))
    runner.start()
    try:
        yield follower
        assert runner.is_alive()
    finally:
        stop.set()
        runner.join()


@pytest.mark.parametrize("database", ["postgresql"])
def test_run_continues_when_the_database_is_back(world, index, cluster):
    with following(index, world.rpc, world.manifest) as follower:
        wait_for(lambda: follower.state.following)
        for _ in range(2):
            with cluster.stopped():
                world.act_randomly(2)
                wait_for(lambda: isinstance(follower.state.last_error, IndexUnavailableError))
                assert not follower.state.following
            wait_for(lambda: follower.state.following)
            wait_for(lambda: _indexed(index) == _newest(world.rpc))
    assert not follower.state.following, "it was stopped"


def test_run_continues_after_a_moment_of_an_empty_or_wrong_chain(world, index):
    """A load balancer sends requests to a node without blocks, then to one of another chain, then to the right one."""
    world.act_randomly(3)
    with (
        DevNode() as other,
        faulty_node(world.rpc.url) as balancer,
        following(index, RpcClient(balancer.url), world.manifest) as follower,
    ):
        wait_for(lambda: _indexed(index) == _newest(world.rpc))
        digest = query(index).digest()
        for blocks in (0, 500):
            other.rpc().call("anvil_mine", hex(blocks))
            balancer.target = other.url
            wait_for(lambda: isinstance(follower.state.last_error, WrongDeploymentError | WrongIndexError))
            assert query(index).digest() == digest
            balancer.target = world.rpc.url
            world.act_randomly(1)
            wait_for(lambda: _indexed(index) == _newest(world.rpc))
            wait_for(lambda: follower.state.following)
            digest = query(index).digest()


def test_run_continues_after_an_unexpected_error(world, index, monkeypatch, caplog):
    monkeypatch.setattr(ChainReader, "header", lambda *_: {}["missing"])
    with following(index, world.rpc, world.manifest) as follower:
        wait_for(lambda: isinstance(follower.state.last_error, KeyError))
        assert follower.state.failing_since is not None
        monkeypatch.undo()
        wait_for(lambda: follower.state.following)
    assert "unexpected" in caplog.text


def _copy(world, node):
    """Copy the world's contracts to another node, and return their manifest."""
    rpc = node.rpc()
    for name, entry in world.manifest.contracts.items():
        code = world.rpc.call("eth_getCode", entry.address, "latest")
        rpc.call("anvil_setCode", entry.address, code)
        assert rpc.call("eth_getCode", entry.address, "latest") == code, name
    rpc.call("evm_mine")
    return world.manifest


def test_a_reset_chain_is_rejected_and_leaves_the_index_unchanged(world, index, follower):
    world.act_randomly(5)
    follower.sync()
    digest = query(index).digest()
    with DevNode(options=["--timestamp", "1700000000"]) as node:
        manifest = _copy(world, node)
        with pytest.raises(WrongIndexError, match="the chain was reset") as raised:
            Follower(index, node.rpc(), manifest).sync()
        assert raised.value.field == "database_url"
        assert query(index).digest() == digest
        result = Follower(index, node.rpc(), manifest).rebuild()
        assert (result.events, result.indexed_block) == (0, 1)


def test_a_reset_under_a_running_follower_is_detected(world, index):
    with held_port("127.0.0.1", 0) as port:
        with DevNode(port, options=["--timestamp", "1700000000"]) as node:
            follower = Follower(index, node.rpc(), _copy(world, node))
            follower.sync()
        with DevNode(port, options=["--timestamp", "1700000001"]) as node:
            with pytest.raises(WrongDeploymentError, match="no contract Consortium exists"):
                follower.sync()
            _copy(world, node)
            with pytest.raises(WrongIndexError, match="the chain was reset"):
                follower.sync()


def test_another_deployment_is_rejected(world, index, follower, tmp_path):
    follower.sync()
    contracts = dict(world.manifest.contracts)
    consortium = contracts["Consortium"]
    elsewhere = "0x00000000000000000000000000000000000000AA"
    code = world.rpc.call("eth_getCode", consortium.address, "latest")
    world.rpc.call("anvil_setCode", elsewhere, code)
    contracts["Consortium"] = replace(consortium, address=elsewhere)
    other = replace(world.manifest, contracts=contracts)
    with pytest.raises(WrongIndexError, match="another deployment on the same chain"):
        Follower(index, world.rpc, other).sync()


def test_a_manifest_of_another_chain_is_rejected(world, index):
    other = replace(world.manifest, chain_id=world.manifest.chain_id + 1)
    with pytest.raises(WrongDeploymentError, match="the manifest is for"):
        Follower(index, world.rpc, other).sync()
    assert query(index).head().indexed_block == -1


def test_negative_confirmations_are_rejected(world, index):
    with pytest.raises(InvalidInput) as raised:
        Follower(index, world.rpc, world.manifest, confirmations=-1)
    assert raised.value.field == "confirmations"


def test_head_reports_the_lag(world, index):
    follower = Follower(index, world.rpc, world.manifest, confirmations=3)
    world.rpc.call("evm_increaseTime", 100)
    world.rpc.call("anvil_mine", hex(1))
    world.rpc.call("evm_increaseTime", 50)
    world.rpc.call("anvil_mine", hex(3))
    follower.sync()
    view = query(index).head()
    assert (view.chain_id, view.lag_blocks, view.chain_head) == (31337, 3, head(world))
    times = [
        int(world.rpc.call("eth_getBlockByNumber", hex(number), False)["timestamp"], 16)
        for number in (head(world) - 3, head(world))
    ]
    assert view.lag_s == times[1] - times[0] >= 50
    assert abs(view.checked_at - time.time()) < 600
