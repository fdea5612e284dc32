"""The lock of a writer of an SQL database. It is released when its holder ends, also by SIGKILL."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine, text

from chromatrace.domain.errors import Unavailable
from chromatrace.storage.lock import LockedError, ProcessLock

_POLL_S = 0.05

_memory_locks: dict[tuple[int, int], threading.Lock] = {}
"""Locks of in-memory databases, by the id of their engine and the key of the writer."""


class Writer(NamedTuple):
    """A kind of writer; one of each kind may write to a database at a time.

    name    such as "follower"
    key     its advisory lock in PostgreSQL, which is per database
    suffix  its lock file next to an SQLite file
    busy    error if another one is running
    """

    name: str
    key: int
    suffix: str
    busy: type[Unavailable]

    @contextmanager
    def lock(self, engine: Engine, timeout_s: float) -> Iterator[None]:
        """Hold the lock of the engine's database. Raises `busy` if it is not free within `timeout_s`."""
        if engine.dialect.name == "postgresql":
            with self._advisory_lock(engine, timeout_s):
                yield
        elif engine.url.database in (None, "", ":memory:"):
            lock = _memory_locks.setdefault((id(engine), self.key), threading.Lock())
            if not lock.acquire(timeout=timeout_s):
                raise self._busy(None)
            try:
                yield
            finally:
                lock.release()
        else:
            database = Path(engine.url.database)
            try:
                file_lock = ProcessLock(database.with_name(database.name + self.suffix), timeout_s)
            except LockedError as error:
                raise self._busy(error.holder) from error
            with file_lock:
                yield

    @contextmanager
    def _advisory_lock(self, engine: Engine, timeout_s: float) -> Iterator[None]:
        """Hold PostgreSQL's session lock on a connection of its own."""
        deadline = time.monotonic() + timeout_s
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": self.key}):
                if time.monotonic() >= deadline:
                    raise self._busy(None)
                time.sleep(_POLL_S)
            yield
        finally:
            # Close the session instead of returning it to the pool: this releases the lock in any case.
            connection.invalidate()
            connection.close()

    def _busy(self, process_id: int | None) -> Unavailable:
        process = f" (pid {process_id})" if process_id is not None else ""
        return self.busy(f"another {self.name} is running{process}", hint="stop it first")
