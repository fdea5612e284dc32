"""The writer lock of an index database. It is released when its holder ends, also by SIGKILL."""

from __future__ import annotations

from contextlib import AbstractContextManager

from sqlalchemy import Engine

from chromatrace.index.errors import FollowerBusyError
from chromatrace.storage.sql_lock import Writer

_FOLLOWER = Writer("follower", 0x43_68_72_6F_6D_61, ".lock", FollowerBusyError)  # the key is "Chroma"


def writer_lock(engine: Engine, timeout_s: float) -> AbstractContextManager[None]:
    """Hold the lock of the engine's database. Raises `FollowerBusyError` if it is not free within `timeout_s`."""
    return _FOLLOWER.lock(engine, timeout_s)
