"""The index's database: where it is, its schema, its readers. SQLite by a file's URL, PostgreSQL by its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from inspect import getmembers, isfunction
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.pool import StaticPool

from chromatrace.domain.errors import InvalidInput
from chromatrace.index import schema
from chromatrace.index.digest import digest_of
from chromatrace.index.errors import IndexUnavailable
from chromatrace.index.lock import WriterLock, lock_for
from chromatrace.index.queries.consensus import ConsensusQueries
from chromatrace.index.queries.events import EventQueries
from chromatrace.index.queries.find import FindQueries
from chromatrace.index.queries.orders import OrderQueries
from chromatrace.index.queries.parties import PartyQueries
from chromatrace.index.queries.process import ProcessQueries
from chromatrace.index.queries.routes import RouteQueries
from chromatrace.index.queries.trace import TraceQueries

_NO_TABLE = re.compile(r"no such table|relation .* does not exist")


class Queries(
    TraceQueries,
    FindQueries,
    OrderQueries,
    RouteQueries,
    ConsensusQueries,
    ProcessQueries,
    PartyQueries,
    EventQueries,
):
    """Every question that the index answers."""


class Snapshot(Queries):
    """The index at one moment: all answers are of the same indexed block."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, statement: Select[Any]) -> Sequence[Row[Any]]:
        """All rows of a statement."""
        return self._connection.execute(statement).all()

    def digest(self) -> bytes:
        """SHA-256 over everything that the chain determines, the same on every database: see `digest.digest_of`."""
        return digest_of(self._connection)


class Index(Queries):
    """An index database. Thread-safe; each answer is of one moment, two answers may be of two (see `snapshot`).

    `database_url` is an SQLAlchemy URL (`sqlite:////path/index.db`, `postgresql://user@host/name`) or a file's path.
    Opening it writes nothing; `migrate` makes or updates the tables.
    """

    def __init__(self, database_url: str | Path) -> None:
        self.engine = _engine(database_url)
        self.url = self.engine.url.render_as_string(hide_password=True)

    def migrate(self, lock_timeout_s: float = 60.0) -> None:
        """Brings the schema to this software's version; safe to call at every start and by several at once.

        Raises `WrongIndex` where a newer software made the database, `FollowerBusy` where it needs the writer's lock
        and does not get it.
        """
        with refusals(self.url):
            if schema.is_current(self.engine):
                return
            with self.writer_lock(lock_timeout_s):
                schema.upgrade(self.engine)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Answers that belong together: of one indexed block, whatever the follower does meanwhile."""
        engine = self.engine
        if engine.dialect.name == "postgresql":
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with refusals(self.url), engine.connect() as connection:
            yield Snapshot(connection)

    def rows(self, statement: Select[Any]) -> Sequence[Row[Any]]:
        """All rows of a statement."""
        with self.snapshot() as snapshot:
            return snapshot.rows(statement)

    def digest(self) -> bytes:
        """As `Snapshot.digest`."""
        with self.snapshot() as snapshot:
            return snapshot.digest()

    def writer_lock(self, timeout_s: float) -> WriterLock:
        """The lock that a writer holds; `FollowerBusy` where another has it for longer than `timeout_s`."""
        return lock_for(self.engine, timeout_s)

    def close(self) -> None:
        """Closes all connections."""
        self.engine.dispose()


def _of_one_moment(question: Callable[..., Any]) -> Callable[..., Any]:
    """The question, asked of a snapshot: most take several statements, between which a block may be taken back."""

    @wraps(question)
    def ask(index: Index, *args: Any, **kwargs: Any) -> Any:
        with index.snapshot() as snapshot:
            return question(snapshot, *args, **kwargs)

    return ask


for _name, _question in getmembers(Queries, isfunction):
    if not _name.startswith("_") and _name not in vars(Index):
        setattr(Index, _name, _of_one_moment(_question))


def _engine(database_url: str | Path) -> Engine:
    text = str(database_url)
    if isinstance(database_url, Path) or "://" not in text:
        text = f"sqlite:///{Path(text).absolute()}"
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise InvalidInput("not a database URL", field="database_url", hint="sqlite:////path/index.db") from error
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "postgresql":
        return create_engine(url, pool_pre_ping=True)
    if url.get_backend_name() != "sqlite":
        raise InvalidInput(
            f"{url.get_backend_name()} is not supported", field="database_url", hint="use SQLite or PostgreSQL"
        )
    if url.database in (None, "", ":memory:"):
        engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        engine = create_engine(url, connect_args={"timeout": 30.0})
    event.listen(engine, "connect", _sqlite_connected)
    event.listen(engine, "begin", _sqlite_begins)
    return engine


def _sqlite_connected(connection: Any, record: Any) -> None:
    # SQLAlchemy, not the driver, says when a transaction begins: the driver would leave reads outside of any.
    connection.isolation_level = None
    cursor = connection.cursor()
    # A checkpoint every 64 MB of log instead of 4: a backfill writes as much in one transaction.
    tuning = ("cache_size=-65536", "temp_store=MEMORY", "wal_autocheckpoint=16384")
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", *tuning):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begins(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("index_writer", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


@contextmanager
def refusals(url: str) -> Iterator[None]:
    """The driver's errors as ours, where they are not our own mistakes."""
    try:
        yield
    except DatabaseError as error:
        reason = str(error.orig).strip().splitlines()[0]
        if _NO_TABLE.search(reason):
            raise IndexUnavailable(
                f"{url} has no index in it", field="database_url", hint="start the follower once, or call migrate"
            ) from error
        if type(error) is DatabaseError:
            # SQLite's: no database at all, or a damaged one.
            hint = "move it away: the index is built again from the chain"
        elif isinstance(error, OperationalError):
            hint = "is the database running and reachable, is its disk full, does another process hold it?"
        else:
            raise
        raise IndexUnavailable(f"{url}: {reason}", field="database_url", hint=hint) from error
