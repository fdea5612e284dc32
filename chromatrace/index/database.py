"""The index database: SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chromatrace.index.errors import database_errors
from chromatrace.index.lock import writer_lock
from chromatrace.index.schema import SCHEMA
from chromatrace.index.snapshot import Snapshot
from chromatrace.storage.sql import sql_engine


class Index:
    """An index database. Thread-safe. Query it through `snapshot`.

    `database_url` is an SQLAlchemy URL (`sqlite:////path/index.db`, `postgresql://user@host/name`) or a file path.
    Opening an index writes nothing; `migrate` creates or updates the tables.
    """

    def __init__(self, database_url: str | Path) -> None:
        self.engine = sql_engine(database_url)
        self.url = self.engine.url.render_as_string(hide_password=True)

    def migrate(self, lock_timeout_s: float = 60.0) -> None:
        """Bring the schema to this version of the software. Safe to call at every start, also concurrently.

        Raises `WrongIndexError` if newer software created the database, and `FollowerBusyError` if a migration is
        needed and the writer lock is not free within `lock_timeout_s`.
        """
        with database_errors(self.engine):
            if SCHEMA.is_current(self.engine):
                return
            with writer_lock(self.engine, lock_timeout_s):
                SCHEMA.upgrade(self.engine)

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
