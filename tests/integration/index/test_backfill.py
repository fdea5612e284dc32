"""Backfill in a separate process: the same ranges, even if the process fails."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import pytest
from processes import start_backfill
from querying import query
from test_interruptions import wait_for

from chromatrace.index import Follower
from chromatrace.index.backfill import Backfill
from chromatrace.index.chain_reader import ChainReader, ReorganisedError


@pytest.fixture
def reader(world):
    """Return a reader with two blocks per request, on a chain with some history."""
    world.act_randomly(30)
    return ChainReader(world.rpc, world.manifest.names_by_address, max_span=2)


@pytest.fixture
def bounds(world, reader):
    """Return the block before the deployment, and the number of the last block."""
    return reader.header(world.manifest.block - 1), int(world.rpc.call("eth_blockNumber"), 16)


def backfill_with_process(reader, bounds):
    """Return a backfill whose process is ready for its request."""
    backfill = Backfill(reader, *bounds)
    backfill.start_process()
    assert select.select([backfill._process._popen.stdout], [], [], 180.0)[0]
    return backfill


def fail(*arguments):
    raise AssertionError("the process should have read this")


def alive(pid):
    """Return whether the process is running and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_process_reads_the_same_ranges(reader, bounds, monkeypatch):
    with Backfill(reader, *bounds) as backfill:
        expected = list(backfill)
    assert len(expected) > 10
    assert sum(len(logs.rows) for logs in expected) > 20
    with backfill_with_process(reader, bounds) as backfill:
        monkeypatch.setattr(ChainReader, "read", fail)
        assert list(backfill) == expected
        pid = backfill._process._popen.pid
    assert not alive(pid)


def test_the_parent_continues_if_the_process_dies(reader, bounds):
    with Backfill(reader, *bounds) as backfill:
        expected = [row for logs in backfill for row in logs.rows]
    with backfill_with_process(reader, bounds) as backfill:
        ranges = iter(backfill)
        rows = [*next(ranges).rows]
        backfill._process._popen.kill()
        rows += [row for logs in ranges for row in logs.rows]
    assert rows == expected


def test_the_parent_reports_a_reorganisation_met_by_the_process(world, reader, bounds):
    last = bounds[1]
    with backfill_with_process(reader, (reader.header(last - 4), last)) as backfill:
        world.rpc.call("anvil_reorg", 8, [])
        with pytest.raises(ReorganisedError):
            list(backfill)
        assert backfill._process._requested


def test_a_backfill_with_a_process_gives_the_same_index(world, index, reader, monkeypatch, rebuilt_digest):
    """The process takes over in the middle, when it is ready."""
    monkeypatch.setattr("chromatrace.index.follower._ACCELERATED_EVENTS", 3)
    taken_over = []

    def start_and_wait(backfill):
        start_process(backfill)
        if not taken_over:
            assert select.select([backfill._process._popen.stdout], [], [], 180.0)[0]
            taken_over.append(backfill._process)

    start_process = Backfill.start_process
    monkeypatch.setattr(Backfill, "start_process", start_and_wait)
    follower = Follower(index, world.rpc, world.manifest)
    follower._reader = reader
    follower.sync()
    assert taken_over[0]._requested
    assert not alive(taken_over[0]._popen.pid)
    assert query(index).digest() == rebuilt_digest()


@pytest.mark.parametrize("requested", [False, True])
def test_a_killed_parent_leaves_no_process_behind(world, requested):
    parent, pid = start_backfill(world.rpc.url, world.manifest_path, requested=requested)
    assert alive(pid)
    os.kill(parent.pid, signal.SIGKILL)
    parent.join()
    wait_for(lambda: not alive(pid))
