"""Follower and reader processes."""

from __future__ import annotations

import multiprocessing
import select
import threading
from collections import Counter

import sqlalchemy

from chromatrace.domain.ledger_entries import unpack
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.index import Follower, Index
from chromatrace.index import follower as module
from chromatrace.index.backfill import Backfill
from chromatrace.index.chain_reader import ChainReader
from chromatrace.index.models import RecordRow
from chromatrace.index.views import Direction

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["chromatrace.index", "alembic.command", "psycopg", "sqlalchemy.dialects.postgresql"])


def start_follower(database_url, rpc_url, manifest_path, *, blocks_at_once=None):
    """Start a follower that runs until it is killed; return its process before it reads the chain.

    A small `blocks_at_once` makes many small transactions.
    """
    ready = _processes.Event()
    process = _processes.Process(
        target=_follow, args=(database_url, rpc_url, manifest_path, blocks_at_once, ready), daemon=True
    )
    process.start()
    assert ready.wait(180.0)
    return process


class Reader:
    """A process that queries continuously; `rounds` counts the rounds that it started."""

    def __init__(self, database_url):
        self._results, results = _processes.Pipe(duplex=False)
        self._stop, ready = _processes.Event(), _processes.Event()
        self.rounds = _processes.Value("Q", 0)
        arguments = (database_url, self._stop, ready, results, self.rounds)
        self.process = _processes.Process(target=_query, args=arguments, daemon=True)
        self.process.start()
        assert ready.wait(180.0)

    def end(self):
        """Return the digests by block of their cursor, and the number of rounds. Raises the process's error."""
        self._stop.set()
        assert self._results.poll(180.0)
        observed = self._results.recv()
        self.process.join()
        if isinstance(observed, Exception):
            raise observed
        return observed


def _query(database_url, stop, ready, results, rounds):
    observed = {}
    try:
        index = Index(database_url)
        while not stop.is_set():
            ready.set()
            rounds.value += 1
            with index.snapshot() as snapshot:
                head, digest = snapshot.head(), snapshot.digest()
                _assert_complete(snapshot, head)
                for batch in snapshot.batches(limit=3):
                    assert snapshot.trace(batch.batch_id, Direction.BACK) is not None
                    assert snapshot.timeline(batch.batch_id)
                snapshot.find("P-1", (), [department.id for department in snapshot.departments()])
                snapshot.panels()
            assert observed.setdefault((head.indexed_block, head.indexed_hash), digest) == digest, "content differs"
    except Exception as error:  # noqa: BLE001 - raised by the test
        results.send(error)
    else:
        results.send((observed, rounds.value))


def _assert_complete(snapshot, head):
    """Check every table against the events up to the cursor."""
    events = snapshot.events(limit=10_000)
    assert all(event.block_number <= head.indexed_block for event in events)
    assert all(event.block_hash == head.indexed_hash for event in events if event.block_number == head.indexed_block)
    names = Counter(event.name for event in events)
    assert sum(snapshot.count_batches().values()) == names["BatchRegistered"]
    departments, panels = snapshot.departments(), snapshot.panels()
    assert len(departments) == names["DepartmentOpened"]
    appended = sum(len(unpack(event.args["records"])) for event in events if event.name == "RecordsAppended")
    assert sum(department.count for department in departments) == appended
    assert snapshot._connection.scalar(sqlalchemy.select(sqlalchemy.func.count()).select_from(RecordRow)) == appended
    rounds = [round_ for panel in panels for round_ in snapshot.rounds(panel.panel, limit=10_000)]
    assert len(rounds) == names["RoundOpened"]
    assert sum(round_.phase == "decided" for round_ in rounds) == names["RoundDecided"]


def start_backfill(rpc_url, manifest_path, *, requested):
    """Start a process with a backfill; return it and the process id of the backfill's own process.

    requested  whether that process has received its request
    """
    receiver, sender = _processes.Pipe(duplex=False)
    process = _processes.Process(target=_backfill, args=(rpc_url, manifest_path, requested, sender), daemon=True)
    process.start()
    assert receiver.poll(180.0)
    return process, receiver.recv()


def _backfill(rpc_url, manifest_path, requested, sender):
    manifest = Manifest.load(manifest_path)
    reader = ChainReader(RpcClient(rpc_url), manifest.names_by_address, max_span=1)
    backfill = Backfill(reader, reader.header(manifest.block - 1), reader.header("latest").number)
    backfill.start_process()
    select.select([backfill._process._popen.stdout], [], [], 180.0)
    if requested:
        next(iter(backfill))
    sender.send(backfill._process._popen.pid)
    threading.Event().wait()


def _follow(database_url, rpc_url, manifest_path, blocks_at_once, ready):
    module._ACCELERATED_EVENTS = 10  # a test's backfill is small
    follower = Follower(Index(database_url), RpcClient(rpc_url), Manifest.load(manifest_path))
    if blocks_at_once:
        follower._reader = ChainReader(follower._rpc, follower._manifest.names_by_address, blocks_at_once)
    ready.set()
    follower.run(threading.Event(), poll_s=0.01)
