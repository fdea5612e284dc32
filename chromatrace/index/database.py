"""The index database: SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import StaticPool

from chromatrace.domain.errors import InvalidInput
from chromatrace.index import schema
from chromatrace.index.errors import database_errors
from chromatrace.index.lock import writer_lock
from chromatrace.index.snapshot import Snapshot
from chromatrace.storage.postgresql import postgresql_engine
from chromatrace.storage.private import private_database


class Index:
    """An index database. Thread-safe. Query it through `snapshot`.

    `database_url` is an SQLAlchemy URL (`sqlite:////path/index.db`, `postgresql://user@host/name`) or a file path.
    Opening an index writes nothing; `migrate` creates or updates the tables.
    """

    def __init__(self, database_url: str | Path) -> None:
        self.engine = _engine(database_url)
        self.url = self.engine.url.render_as_string(hide_password=True)

    def migrate(self, lock_timeout_s: float = 60.0) -> None:
        """Bring the schema to this version of the software. Safe to call at every start, also concurrently.

        Raises `WrongIndexError` if newer software created the database, and `FollowerBusyError` if a migration is
        needed and the writer lock is not free within `lock_timeout_s`.
        """
        with database_errors(self.engine):
            if schema.is_current(self.engine):
                return
            with writer_lock(self.engine, lock_timeout_s):
                schema.upgrade(self.engine)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Open a view of one indexed block. All its queries agree, whatever the follower writes meanwhile."""
        engine = self.engine
        if engine.dialect.name == "postgresql":
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with database_errors(self.engine), engine.connect() as connection:
            yield Snapshot(connection)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _engine(database_url: str | Path) -> Engine:
    text = str(database_url)
    if isinstance(database_url, Path) or "://" not in text:
        text = f"sqlite:///{Path(text).absolute()}"
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise InvalidInput(
            "invalid database URL", field="database_url", hint="example: sqlite:////path/index.db"
        ) from error
    if url.get_backend_name() == "postgresql":
        return postgresql_engine(url)
    if url.get_backend_name() != "sqlite":
        raise InvalidInput(
            f"{url.get_backend_name()} is not supported", field="database_url", hint="use SQLite or PostgreSQL"
        )
    if url.database in (None, "", ":memory:"):
        engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        with suppress(OSError):  # the first statement reports why the file cannot be opened
            private_database(Path(url.database))
        engine = create_engine(url, connect_args={"timeout": 30.0})
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, record: Any) -> None:
    # SQLAlchemy starts the transactions; the driver would leave reads outside of one.
    connection.isolation_level = None
    cursor = connection.cursor()
    # Checkpoint every 64 MB of log instead of 4: a backfill writes that much in one transaction.
    tuning = ("cache_size=-65536", "temp_store=MEMORY", "wal_autocheckpoint=16384")
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", *tuning):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("index_writer", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
