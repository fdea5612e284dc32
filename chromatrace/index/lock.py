"""One writer at a time. The system that holds the lock frees it when the holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine, text

from chromatrace.index.errors import FollowerBusy

_POLL_S = 0.05
_ADVISORY_KEY = 0x43_68_72_6F_6D_61  # "Chroma"; advisory locks are per database already


class WriterLock(ABC):
    """Held from `with` to its end. Waits up to `timeout_s`, then raises `FollowerBusy` naming the holder if known."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s

    def __enter__(self) -> Self:
        deadline = time.monotonic() + self._timeout_s
        while not self._try():
            if time.monotonic() >= deadline:
                holder = self._holder()
                self._give_up()
                raise FollowerBusy(
                    f"another process writes to this index{holder}",
                    hint="one follower is enough: let it work, or stop it first",
                )
            time.sleep(_POLL_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    @abstractmethod
    def _try(self) -> bool: ...

    @abstractmethod
    def _release(self) -> None: ...

    def _give_up(self) -> None:
        return

    def _holder(self) -> str:
        return ""


class _FileLock(WriterLock):
    """A lock on a file beside the SQLite database (SQLite's own last only for a transaction)."""

    def __init__(self, database: Path, timeout_s: float) -> None:
        super().__init__(timeout_s)
        self._path = database.with_name(database.name + ".lock")
        self._file: int | None = None

    def _try(self) -> bool:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)
        return True

    def _release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _give_up(self) -> None:
        self._release()

    def _holder(self) -> str:
        number = self._path.read_text(encoding="ascii").strip()
        return f" (process {number})" if number else ""


class _AdvisoryLock(WriterLock):
    """PostgreSQL's session lock, on a connection of its own."""

    def __init__(self, engine: Engine, timeout_s: float) -> None:
        super().__init__(timeout_s)
        self._engine = engine
        self._connection: Connection | None = None

    def _try(self) -> bool:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        return bool(self._connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _ADVISORY_KEY}))

    def _release(self) -> None:
        if self._connection is not None:
            # Not given back to the pool: a session that ends holds no lock, whatever went wrong before.
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def _give_up(self) -> None:
        self._release()


class _ThreadLock(WriterLock):
    """For a database in memory, which no other process can see."""

    def __init__(self, lock: threading.Lock, timeout_s: float) -> None:
        super().__init__(timeout_s)
        self._lock = lock

    def _try(self) -> bool:
        return self._lock.acquire(blocking=False)

    def _release(self) -> None:
        self._lock.release()


_memory_locks: dict[int, threading.Lock] = {}


def lock_for(engine: Engine, timeout_s: float) -> WriterLock:
    """The lock that belongs to the engine's database."""
    if engine.dialect.name == "postgresql":
        return _AdvisoryLock(engine, timeout_s)
    if engine.url.database in (None, "", ":memory:"):
        return _ThreadLock(_memory_locks.setdefault(id(engine), threading.Lock()), timeout_s)
    return _FileLock(Path(engine.url.database), timeout_s)
