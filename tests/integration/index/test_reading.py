"""Reading in a process of its own, beside the writing: the same ranges, whatever becomes of the process."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import pytest
from processes import start_reading
from querying import query
from test_interruptions import wait_for

from chromatrace.index import Follower
from chromatrace.index.backfill import Backfill
from chromatrace.index.chain_reader import ChainReader, ReorganisedError


@pytest.fixture
def source(yard):
    """One that asks for two blocks at once; the yard has some life behind it."""
    yard.live(30)
    return ChainReader(yard.rpc, yard.manifest.names_by_address, max_span=2)


@pytest.fixture
def whole(yard, source):
    """From where to where."""
    return source.header(yard.manifest.block - 1), int(yard.rpc.call("eth_blockNumber"), 16)


def beside(source, whole):
    """A reading whose process is ready to be asked."""
    reading = Backfill(source, *whole)
    reading.start_process()
    assert select.select([reading._process._popen.stdout], [], [], 180.0)[0]
    return reading


def refuses(*arguments):
    raise AssertionError("the process should have read this")


def alive(pid):
    """Whether the process lives (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_process_reads_the_same(source, whole, monkeypatch):
    with Backfill(source, *whole) as reading:
        expected = list(reading)
    assert len(expected) > 10
    assert sum(len(found.rows) for found in expected) > 20
    with beside(source, whole) as reading:
        monkeypatch.setattr(ChainReader, "read", refuses)
        assert list(reading) == expected
        pid = reading._process._popen.pid
    assert not alive(pid)


def test_a_process_that_dies_is_read_on_for(source, whole):
    with Backfill(source, *whole) as reading:
        expected = [row for found in reading for row in found.rows]
    with beside(source, whole) as reading:
        ranges = iter(reading)
        rows = [*next(ranges).rows]
        reading._process._popen.kill()
        rows += [row for found in ranges for row in found.rows]
    assert rows == expected


def test_a_reorganisation_met_by_the_process_is_met_by_its_parent(yard, source, whole):
    last = whole[1]
    with beside(source, (source.header(last - 4), last)) as reading:
        yard.rpc.call("anvil_reorg", 8, [])
        with pytest.raises(ReorganisedError):
            list(reading)
        assert reading._process._requested


def test_a_backfill_with_a_process_makes_the_same_index(yard, index, source, monkeypatch, rebuilt_digest):
    """The follower hands over to it in the middle, once it is ready."""
    monkeypatch.setattr("chromatrace.index.follower._ACCELERATED_EVENTS", 3)
    handed_over = []

    def ready(reading):
        start_process(reading)
        if not handed_over:
            assert select.select([reading._process._popen.stdout], [], [], 180.0)[0]
            handed_over.append(reading._process)

    start_process = Backfill.start_process
    monkeypatch.setattr(Backfill, "start_process", ready)
    follower = Follower(index, yard.rpc, yard.manifest)
    follower._reader = source
    follower.sync()
    assert handed_over[0]._requested
    assert not alive(handed_over[0]._popen.pid)
    assert query(index).digest() == rebuilt_digest()


@pytest.mark.parametrize("asked", [False, True])
def test_a_killed_parent_leaves_no_process_behind(yard, asked):
    parent, pid = start_reading(yard.rpc.url, yard.manifest_path, asked=asked)
    assert alive(pid)
    os.kill(parent.pid, signal.SIGKILL)
    parent.join()
    wait_for(lambda: not alive(pid))
