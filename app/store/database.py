"""The portal's database: the engine, the schema, and a session for each unit of work."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker

from app.errors import StorageFullError, StorageUnavailableError
from app.store.models import PortalBase
from chromatrace.domain.errors import InvalidInput
from chromatrace.storage.postgresql import postgresql_engine
from chromatrace.storage.private import private_database

_SCHEMA_LOCK = 0x63_74_70_6F_72_74_61_6C
"""PostgreSQL advisory lock ("ctportal"): `CREATE TABLE IF NOT EXISTS` fails if two connections run it at once."""

_READ_ONLY = "portal_read_only"
_MAX_CONNECTIONS = 64
"""Connections beyond the pool: as many as a worker has threads (`PortalSettings.threads`)."""
_WRITE_ERRORS = {
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
}


class PortalDatabase:
    """The portal's tables in SQLite or PostgreSQL. Several workers may share one database."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.is_postgresql = self.engine.dialect.name == "postgresql"
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._reading_sessions = sessionmaker(
            self.engine.execution_options(**{_READ_ONLY: True}), expire_on_commit=False
        )
        with self._typed_errors(), self.engine.begin() as connection:
            if self.is_postgresql:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK})
            PortalBase.metadata.create_all(connection)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Open a session that commits at the end and rolls back on any error. Raises `StorageUnavailableError`."""
        with self._typed_errors(), self._sessions.begin() as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session that only reads: in SQLite it does not wait for writers. Raises `StorageUnavailableError`."""
        with self._typed_errors(), self._reading_sessions.begin() as session:
            yield session

    def ping(self) -> None:
        """Raise `StorageUnavailableError` if the database does not respond."""
        with self.read() as session:
            session.execute(text("SELECT 1"))

    @contextmanager
    def _typed_errors(self) -> Iterator[None]:
        """Raise driver errors that are caused by the environment as `StorageUnavailableError`."""
        try:
            yield
        except (DatabaseError, InterfaceError, PoolTimeoutError) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            full = _is_full(cause)
            # SQLite raises a plain DatabaseError for a damaged file; locked and full databases are operational errors.
            if not full and isinstance(error, DatabaseError) and not _is_environmental(error):
                raise
            kind = StorageFullError if full else StorageUnavailableError
            raise kind(
                f"{self.engine.url.render_as_string()}: {str(cause).strip().splitlines()[0]}",
                field="database_url",
                hint="check that the database is running, that its disk has space and that no other process locks it; "
                "restore a damaged database from a backup",
            ) from error

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InvalidInput(f"{url!r} is not a valid database URL", field="database_url") from error
    if parsed.get_backend_name() == "postgresql":
        return postgresql_engine(parsed, max_overflow=_MAX_CONNECTIONS)
    if parsed.get_backend_name() != "sqlite":
        raise InvalidInput(
            f"unsupported database {parsed.get_backend_name()!r}", field="database_url", hint="use SQLite or PostgreSQL"
        )
    if parsed.database not in (None, "", ":memory:"):
        with suppress(OSError):  # the first statement reports why the file cannot be opened
            private_database(Path(parsed.database))
    engine = create_engine(parsed, max_overflow=_MAX_CONNECTIONS)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def _is_environmental(error: DatabaseError) -> bool:
    """Return whether the cause is outside of the program. A plain DatabaseError of SQLite is a damaged file."""
    return type(error) is DatabaseError or isinstance(error, OperationalError)


def _is_full(error: BaseException | None) -> bool:
    if isinstance(error, psycopg.errors.DiskFull | psycopg.errors.ReadOnlySqlTransaction):
        return True
    code = getattr(error, "sqlite_errorcode", 0)
    return code in _WRITE_ERRORS or code & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY)


def _configure_sqlite(connection: Any, _record: object) -> None:
    """Use WAL and a long lock timeout, so workers can write concurrently."""
    connection.isolation_level = None  # `_begin` begins transactions
    connection.execute("PRAGMA busy_timeout=30000")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin(connection: Connection) -> None:
    """Take the write lock at the start: upgrading a deferred transaction fails if another worker wrote meanwhile."""
    reading = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
