"""SQL databases, SQLite or PostgreSQL, by their URL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, OperationalError
from sqlalchemy.pool import StaticPool

from chromatrace.domain.errors import InvalidInput, Unavailable
from chromatrace.storage.postgresql import postgresql_engine
from chromatrace.storage.private import private_database

WRITES = "writes"
"""Execution option of an engine whose transactions write: SQLite takes the write lock when they begin."""

_UNAVAILABLE = "check that the database is running and reachable, its disk has space, and no other process locks it"
_NO_TABLE = re.compile(r"no such table|relation .* does not exist")


class SqlErrors(NamedTuple):
    """The errors of a database.

    unavailable  class of the errors
    content      what the tables contain, such as "index"
    create       hint that names the command that creates the tables
    restore      hint for a damaged file
    """

    unavailable: type[Unavailable]
    content: str
    create: str
    restore: str

    @contextmanager
    def raised(self, engine: Engine) -> Iterator[None]:
        """Translate driver errors of the block to `unavailable`; SQL errors pass unchanged."""
        try:
            yield
        except (DatabaseError, InterfaceError) as error:
            url = engine.url.render_as_string(hide_password=True)
            reason = str(error.orig).strip().splitlines()[0]
            if _NO_TABLE.search(reason):
                raise self.unavailable(
                    f"{url} contains no {self.content}", field="database_url", hint=self.create
                ) from error
            if type(error) is DatabaseError:
                # SQLite reports a damaged file, or a file that is not a database, by this class itself.
                hint = self.restore
            elif isinstance(error, OperationalError | InterfaceError):
                hint = _UNAVAILABLE
            else:
                raise
            raise self.unavailable(f"{url}: {reason}", field="database_url", hint=hint) from error


def sql_engine(database_url: str | Path, *, durable: bool = False) -> Engine:
    """Return an engine for an SQLAlchemy URL or the path of an SQLite file. Raises `InvalidInput`.

    durable  SQLite: a committed transaction survives a power failure; otherwise, the last ones may be lost
    """
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
    event.listen(engine, "connect", _configure_durable_sqlite if durable else _configure_sqlite)
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


def _configure_durable_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
