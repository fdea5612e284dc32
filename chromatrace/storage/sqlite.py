"""A file of SQLite whose driver's errors are refusals: which file, what is the matter, what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chromatrace.domain.errors import ChromaTraceError, IntegrityError, Unavailable

_HINTS = {
    sqlite3.SQLITE_FULL: "free the disk, and do it again",
    sqlite3.SQLITE_BUSY: "another process holds it: end that one, or wait",
    sqlite3.SQLITE_LOCKED: "another process holds it: end that one, or wait",
    sqlite3.SQLITE_CANTOPEN: "does the folder exist, may you write in it?",
    sqlite3.SQLITE_READONLY: "may you write it?",
    sqlite3.SQLITE_IOERR: "is the disk full, or broken?",
}
_NOT_OURS = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


class DatabaseFile(sqlite3.Connection):
    """As `sqlite3.Connection`, made by `open_file`. `field` names the file in refusals."""

    path: Path
    field: str

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """See `sqlite3.Connection`; raises `Unavailable`, `IntegrityError`."""
        with told(self.path, self.field):
            return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        """See `sqlite3.Connection`; raises `Unavailable`, `IntegrityError`."""
        with told(self.path, self.field):
            return super().executemany(sql, parameters)


def open_file(path: Path, field: str, timeout_s: float, *, check_same_thread: bool = True) -> DatabaseFile:
    """Opens or makes the file; transactions are the caller's. Raises `Unavailable`, `IntegrityError`."""
    with told(path, field):
        made = sqlite3.connect(
            path,
            timeout=timeout_s,
            isolation_level=None,
            check_same_thread=check_same_thread,
            factory=DatabaseFile,
        )
    made.path, made.field = path, field
    return made


@contextmanager
def told(path: Path, field: str) -> Iterator[None]:
    """The driver's errors as ours, where they are not our own mistakes."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except sqlite3.DatabaseError as error:
        raise _refusal(path, field, error) from error


def _refusal(path: Path, field: str, error: sqlite3.DatabaseError) -> ChromaTraceError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _NOT_OURS:
        return IntegrityError(f"{path}: {error}", field=field, hint="put a copy back, or move it away to begin anew")
    return Unavailable(f"{path}: {error}", field=field, hint=_HINTS.get(code, "try again"))
