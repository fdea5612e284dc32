"""The writer lock of an index database. It is released when its holder ends, also by SIGKILL."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

from chromatrace.index.errors import FollowerBusyError
from chromatrace.storage.lock import LockedError, ProcessLock

_POLL_S = 0.05
_ADVISORY_KEY = 0x43_68_72_6F_6D_61  # "Chroma"; advisory locks are per database

_memory_locks: dict[int, threading.Lock] = {}
"""Locks of in-memory databases, by the id of their engine."""


@contextmanager
def writer_lock(engine: Engine, timeout_s: float) -> Iterator[None]:
    """Hold the lock of the engine's database. Raises `FollowerBusyError` if it is not free within `timeout_s`."""
    if engine.dialect.name == "postgresql":
        with _advisory_lock(engine, timeout_s):
            yield
    elif engine.url.database in (None, "", ":memory:"):
        lock = _memory_locks.setdefault(id(engine), threading.Lock())
        if not lock.acquire(timeout=timeout_s):
            raise _busy(None)
        try:
            yield
        finally:
            lock.release()
    else:
        database = Path(engine.url.database)
        try:
            file_lock = ProcessLock(database.with_name(database.name + ".lock"), timeout_s)
        except LockedError as error:
            raise _busy(error.holder) from error
        with file_lock:
            yield


@contextmanager
def _advisory_lock(engine: Engine, timeout_s: float) -> Iterator[None]:
    """Hold PostgreSQL's session lock on a connection of its own."""
    deadline = time.monotonic() + timeout_s
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _ADVISORY_KEY}):
            if time.monotonic() >= deadline:
                raise _busy(None)
            time.sleep(_POLL_S)
        yield
    finally:
        # Close the session instead of returning it to the pool: this releases the lock in any case.
        connection.invalidate()
        connection.close()


def _busy(process_id: int | None) -> FollowerBusyError:
    process = f" (pid {process_id})" if process_id is not None else ""
    return FollowerBusyError(f"another follower is running{process}", hint="stop it first")
