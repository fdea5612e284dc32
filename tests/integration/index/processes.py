"""Real follower processes, to be killed."""

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
    """A process that follows until it is killed, just before its first look at the chain. Few `blocks_at_once` make
    many small transactions."""
    ready = _processes.Event()
    process = _processes.Process(
        target=_follow, args=(database_url, rpc_url, manifest_path, blocks_at_once, ready), daemon=True
    )
    process.start()
    assert ready.wait(180.0)
    return process


class Reader:
    """A process that asks without a pause; `asked` counts how often it began to. `end` gives the digests that it saw by
    the block of their cursor, and how often it asked; whatever went wrong there is raised here."""

    def __init__(self, database_url):
        self._told, tells = _processes.Pipe(duplex=False)
        self._stop, ready = _processes.Event(), _processes.Event()
        self.asked = _processes.Value("Q", 0)
        arguments = (database_url, self._stop, ready, tells, self.asked)
        self.process = _processes.Process(target=_ask, args=arguments, daemon=True)
        self.process.start()
        assert ready.wait(180.0)

    def end(self):
        self._stop.set()
        assert self._told.poll(180.0)
        seen = self._told.recv()
        self.process.join()
        if isinstance(seen, Exception):
            raise seen
        return seen


def _ask(database_url, stop, ready, tells, asked):
    seen = {}
    try:
        index = Index(database_url)
        while not stop.is_set():
            ready.set()
            asked.value += 1
            with index.snapshot() as snapshot:
                head, digest = snapshot.head(), snapshot.digest()
                _assert_whole(snapshot, head)
                for batch in snapshot.batches(limit=3):
                    assert snapshot.trace(batch.batch_id, Direction.BACK) is not None
                    assert snapshot.timeline(batch.batch_id)
                snapshot.find("P-1", (), [department.id for department in snapshot.departments()])
                snapshot.panels()
            assert seen.setdefault((head.indexed_block, head.indexed_hash), digest) == digest, "two states at one block"
    except Exception as error:  # noqa: BLE001 - told to the test, which raises it
        tells.send(error)
    else:
        tells.send((seen, asked.value))


def _assert_whole(snapshot, head):
    """Every table tells what the events up to the cursor amount to."""
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
    rounds = [one for panel in panels for one in snapshot.rounds(panel.panel, limit=10_000)]
    assert len(rounds) == names["RoundOpened"]
    assert sum(one.phase == "decided" for one in rounds) == names["RoundDecided"]


def start_reading(rpc_url, manifest_path, *, asked):
    """A process that reads through a process of its own, stopped in the middle (or before it `asked` for anything);
    and that one's number."""
    told, tells = _processes.Pipe(duplex=False)
    process = _processes.Process(target=_read, args=(rpc_url, manifest_path, asked, tells), daemon=True)
    process.start()
    assert told.poll(180.0)
    return process, told.recv()


def _read(rpc_url, manifest_path, asked, tells):
    manifest = Manifest.load(manifest_path)
    source = ChainReader(RpcClient(rpc_url), manifest.names_by_address, max_span=1)
    reading = Backfill(source, source.header(manifest.block - 1), source.header("latest").number)
    reading.start_process()
    select.select([reading._process._popen.stdout], [], [], 180.0)
    if asked:
        next(iter(reading))
    tells.send(reading._process._popen.pid)
    threading.Event().wait()


def _follow(database_url, rpc_url, manifest_path, blocks_at_once, ready):
    module._ACCELERATED_EVENTS = 10  # so that indexes are put off in a backfill as small as a test's
    follower = Follower(Index(database_url), RpcClient(rpc_url), Manifest.load(manifest_path))
    if blocks_at_once:
        follower._reader = ChainReader(follower._rpc, follower._manifest.names_by_address, blocks_at_once)
    ready.set()
    follower.run(threading.Event(), poll_s=0.01)
