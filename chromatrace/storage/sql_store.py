"""SQL tables of one package, in SQLite or PostgreSQL, with migrations of their own.

Several packages share a database: each has its own tables and its own Alembic version table.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session, sessionmaker

from chromatrace.domain.errors import Conflict, Unavailable
from chromatrace.storage.closing import Closing
from chromatrace.storage.sql import WRITES, SqlErrors, sql_engine
from chromatrace.storage.sql_schema import SqlSchema


class DatabaseUnavailableError(Unavailable):
    """The database does not respond, is full or is damaged."""


class NewerSchemaError(Conflict):
    """Newer software created the tables."""


class Tables(NamedTuple):
    """The tables of a package.

    name        prefix of the tables; the version table is `<name>_version`
    migrations  folder with Alembic's `env.py` and `versions`
    revision    the newest migration
    lock        PostgreSQL advisory lock, which orders writers
    """

    name: str
    migrations: Path
    revision: str
    lock: int


class SqlStore(Closing):
    """The tables of one package. Thread-safe; several processes may share a database.

    url  SQLAlchemy URL
    Opening it creates or updates the tables. Raises `DatabaseUnavailableError` and `NewerSchemaError`.
    """

    def __init__(self, url: str, tables: Tables) -> None:
        self._tables = tables
        self._errors = SqlErrors(
            DatabaseUnavailableError,
            f"tables of {tables.name}",
            "open the store again",
            "restore the file from a backup",
        )
        self.engine = sql_engine(url, durable=True)
        self._sessions = sessionmaker(self.engine.execution_options(**{WRITES: True}), expire_on_commit=False)
        self._readers = sessionmaker(self.engine, expire_on_commit=False)
        self._migrate()

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Open a session that commits at the end and rolls back on any error. Writers follow one another."""
        with self._errors.raised(self.engine), self._sessions.begin() as session:
            self._lock(session.connection())
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session that only reads."""
        with self._errors.raised(self.engine), self._readers.begin() as session:
            yield session

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def _migrate(self) -> None:
        tables = self._tables
        schema = SqlSchema(
            tables.migrations,
            tables.revision,
            f"{tables.name}_version",
            NewerSchemaError,
            f"database of {tables.name}",
            "update the software, or use another database",
        )
        with self._errors.raised(self.engine):
            schema.upgrade(self.engine, before=self._lock)

    def _lock(self, connection: Connection) -> None:
        """Let writers follow one another: SQLite's `BEGIN IMMEDIATE` does this already."""
        if self.engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": self._tables.lock})
