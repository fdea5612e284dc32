"""Real follower processes, to be killed."""

from __future__ import annotations

import multiprocessing
import threading

from chromatrace.chain.manifest import Manifest
from chromatrace.chain.rpc import RpcClient
from chromatrace.index import Follower, Index
from chromatrace.index import follower as module

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


def _follow(database_url, rpc_url, manifest_path, blocks_at_once, ready):
    module._SOME_EVENTS = 10  # so that indexes are put off in a backfill as small as a test's
    follower = Follower(Index(database_url), RpcClient(rpc_url), Manifest.load(manifest_path))
    if blocks_at_once:
        follower._source._span = blocks_at_once
        follower._source._adapt = lambda span, count: None
    ready.set()
    follower.run(threading.Event(), poll_s=0.01)
