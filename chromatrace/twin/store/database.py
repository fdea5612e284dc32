"""The twin's tables in the configured SQL database."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from chromatrace.storage.sql_lock import Writer
from chromatrace.storage.sql_store import SqlStore, Tables
from chromatrace.twin.errors import TwinBusyError

REVISION = "0001"
"""The newest migration; a test compares it with Alembic's."""

TABLES = Tables("twin", Path(__file__).parent / "migrations", REVISION, 0x74_77_69_6E_00)
_FOLLOWER = Writer("twin", 0x74_77_69_6E_01, ".twin.lock", TwinBusyError)
_EXECUTOR = Writer("process that carries out actions", 0x74_77_69_6E_02, ".actions.lock", TwinBusyError)


class TwinStore(SqlStore):
    """The twin's tables. Several processes may read and decide; one at a time follows the logs (`following`)."""

    def __init__(self, url: str) -> None:
        super().__init__(url, TABLES)

    def executing(self, timeout_s: float = 10.0) -> AbstractContextManager[None]:
        """Hold the lock of the process that carries out actions. Raises `TwinBusyError`."""
        return _EXECUTOR.lock(self.engine, timeout_s)

    def following(self, timeout_s: float = 10.0) -> AbstractContextManager[None]:
        """Hold the lock of the process that follows the logs. Raises `TwinBusyError`."""
        return _FOLLOWER.lock(self.engine, timeout_s)
