"""SQLite files: connections that raise the project's errors, and write transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chromatrace.domain.errors import ChromaTraceError, IntegrityError, Unavailable

_HINTS = {
    sqlite3.SQLITE_FULL: "free disk space and try again",
    sqlite3.SQLITE_BUSY: "another process has locked it; stop that process, or wait",
    sqlite3.SQLITE_LOCKED: "another process has locked it; stop that process, or wait",
    sqlite3.SQLITE_CANTOPEN: "check that the folder exists and that you may write to it",
    sqlite3.SQLITE_READONLY: "check that you may write to it",
    sqlite3.SQLITE_IOERR: "check whether the disk is full or faulty",
}
_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


class DatabaseFile(sqlite3.Connection):
    """A connection from `open_file`; `field` is the field of its errors.

    Raises `Unavailable` or `IntegrityError` instead of the driver's operational errors. `sqlite3.IntegrityError` (a
    constraint) and `sqlite3.ProgrammingError` (a mistake in the code) pass unchanged.
    """

    path: Path
    field: str

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """See `sqlite3.Connection.execute`."""
        with _typed_errors(self.path, self.field):
            return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        """See `sqlite3.Connection.executemany`."""
        with _typed_errors(self.path, self.field):
            return super().executemany(sql, parameters)


def open_file(path: Path, field: str, timeout_s: float, *, check_same_thread: bool = True) -> DatabaseFile:
    """Open or create a database file, in autocommit mode. Raises `Unavailable`, `IntegrityError`.

    timeout_s  how long a statement waits for another process's lock
    """
    with _typed_errors(path, field):
        database = sqlite3.connect(
            path,
            timeout=timeout_s,
            isolation_level=None,
            check_same_thread=check_same_thread,
            factory=DatabaseFile,
        )
    database.path, database.field = path, field
    return database


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Take the write lock at once, commit at the end of the block, and roll back if the block raises.

    database  opened with `isolation_level=None`
    """
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        # SQLite has already rolled back by itself if the disk is full.
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


@contextmanager
def _typed_errors(path: Path, field: str) -> Iterator[None]:
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except sqlite3.DatabaseError as error:
        raise _typed(path, field, error) from error


def _typed(path: Path, field: str, error: sqlite3.DatabaseError) -> ChromaTraceError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGED:
        hint = "restore a backup, or move the file away to start with an empty one"
        return IntegrityError(f"{path}: {error}", field=field, hint=hint)
    return Unavailable(f"{path}: {error}", field=field, hint=_HINTS.get(code, "try again"))
