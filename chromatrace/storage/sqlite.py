"""SQLite files: connections that raise the project's errors, and write transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from chromatrace.domain.errors import ChromaTraceError, IntegrityError, Unavailable
from chromatrace.storage.private import private_database

_HINTS = {
    sqlite3.SQLITE_FULL: "free disk space and try again",
    sqlite3.SQLITE_BUSY: "another process has locked it; stop that process, or wait",
    sqlite3.SQLITE_LOCKED: "another process has locked it; stop that process, or wait",
    sqlite3.SQLITE_CANTOPEN: "check that the folder exists and that you may write to it",
    sqlite3.SQLITE_READONLY: "check that you may write to it",
    sqlite3.SQLITE_IOERR: "check whether the disk is full or faulty",
}
_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_HINTS |= dict.fromkeys(_DAMAGED, "restore a backup, or move the file away to start with an empty one")


class FileErrors(NamedTuple):
    """The errors of a database file: their classes and field, and hints instead of the usual ones by SQLite code."""

    field: str
    unavailable: type[Unavailable] = Unavailable
    full: type[Unavailable] = Unavailable
    damaged: type[IntegrityError] = IntegrityError
    hints: Mapping[int, str] = {}


class DatabaseFile(sqlite3.Connection):
    """A connection from `open_file`.

    Raises `errors` instead of the driver's operational errors. `sqlite3.IntegrityError` (a constraint) and
    `sqlite3.ProgrammingError` (a mistake in the code) pass unchanged.
    """

    path: Path | str | None
    errors: FileErrors

    def typed_errors(self) -> AbstractContextManager[None]:
        """Convert the driver's errors in a block that reads rows of a cursor."""
        return _typed_errors(self.path, self.errors)

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """See `sqlite3.Connection.execute`."""
        with self.typed_errors():
            return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        """See `sqlite3.Connection.executemany`."""
        with self.typed_errors():
            return super().executemany(sql, parameters)


def open_file(
    path: Path | str | None, errors: FileErrors, timeout_s: float, *, check_same_thread: bool = True
) -> DatabaseFile:
    """Open or create a database file of mode 0600 (None: in memory), in autocommit mode. Raises `errors`.

    timeout_s  how long a statement waits for another process's lock
    """
    with _typed_errors(path, errors):
        if path is not None and str(path) != ":memory:":
            # If it cannot be opened or created, SQLite gives the reason.
            with suppress(OSError):
                private_database(Path(path))
        database = sqlite3.connect(
            path or ":memory:",
            timeout=timeout_s,
            isolation_level=None,
            check_same_thread=check_same_thread,
            factory=DatabaseFile,
        )
    database.path, database.errors = path, errors
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
def _typed_errors(path: Path | str | None, errors: FileErrors) -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.ProgrammingError) and "closed" not in str(error):
            raise
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        kind: type[ChromaTraceError] = errors.full if code == sqlite3.SQLITE_FULL else errors.unavailable
        kind = errors.damaged if code in _DAMAGED else kind
        hint = errors.hints.get(code) or _HINTS.get(code, "try again")
        raise kind(f"{path}: {error}", field=errors.field, hint=hint) from error
