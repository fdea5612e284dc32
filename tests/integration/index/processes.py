"""Real follower processes, to be killed."""

from __future__ import annotations

import multiprocessing
import select
import threading

from chromatrace.chain.manifest import Manifest
from chromatrace.chain.rpc import RpcClient
from chromatrace.index import Follower, Index
from chromatrace.index import follower as module
from chromatrace.index.reading import Reading
from chromatrace.index.source import Source

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
    assert ready.wait(60.0)
    return process


def start_reading(rpc_url, manifest_path, *, asked):
    """A process that reads through a process of its own, stopped in the middle (or before it `asked` for anything);
    and that one's number."""
    told, tells = _processes.Pipe(duplex=False)
    process = _processes.Process(target=_read, args=(rpc_url, manifest_path, asked, tells), daemon=True)
    process.start()
    assert told.poll(60.0)
    return process, told.recv()


def _read(rpc_url, manifest_path, asked, tells):
    manifest = Manifest.load(manifest_path)
    source = Source(RpcClient(rpc_url), manifest.names_by_address, max_span=1)
    reading = Reading(source, source.header(manifest.block - 1), source.header("latest").number)
    reading.much_comes()
    select.select([reading._process._popen.stdout], [], [], 30.0)
    if asked:
        next(iter(reading))
    tells.send(reading._process._popen.pid)
    threading.Event().wait()


def _follow(database_url, rpc_url, manifest_path, blocks_at_once, ready):
    module._SOME_EVENTS = 10  # so that indexes are put off in a backfill as small as a test's
    follower = Follower(Index(database_url), RpcClient(rpc_url), Manifest.load(manifest_path))
    if blocks_at_once:
        follower._source = Source(follower._rpc, follower._manifest.names_by_address, blocks_at_once)
    ready.set()
    follower.run(threading.Event(), poll_s=0.01)
