"""The portal's database: the engine, the schema, and a session for each unit of work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.store.models import PortalBase
from chromatrace.domain.errors import InvalidInput, Unavailable

_SCHEMA_LOCK = 0x63_74_70_6F_72_74_61_6C
"""PostgreSQL advisory lock ("ctportal"): `CREATE TABLE IF NOT EXISTS` fails if two connections run it at once."""
_READ_ONLY = "portal_read_only"


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
        """Open a session that commits at the end and rolls back on any error. Raises `Unavailable`."""
        with self._typed_errors(), self._sessions.begin() as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session that only reads: in SQLite it does not wait for writers. Raises `Unavailable`."""
        with self._typed_errors(), self._reading_sessions.begin() as session:
            yield session

    @contextmanager
    def _typed_errors(self) -> Iterator[None]:
        """Raise driver errors that are caused by the environment as `Unavailable`."""
        try:
            yield
        except DatabaseError as error:
            # SQLite raises a plain DatabaseError for a damaged file; locked and full databases are operational errors.
            if type(error) is not DatabaseError and not isinstance(error, OperationalError):
                raise
            raise Unavailable(
                f"{self.engine.url.render_as_string()}: {str(error.orig).strip().splitlines()[0]}",
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
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    if parsed.get_backend_name() != "sqlite":
        raise InvalidInput(
            f"unsupported database {parsed.get_backend_name()!r}", field="database_url", hint="use SQLite or PostgreSQL"
        )
    engine = create_engine(parsed)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_immediately)
    return engine


def _configure_sqlite(connection: Any, _record: object) -> None:
    """Use WAL and a long lock timeout, so workers can write concurrently."""
    connection.isolation_level = None  # `_begin_immediately` begins transactions
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA busy_timeout=30000")
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin_immediately(connection: Any) -> None:
    """Take the write lock at the start: upgrading a deferred transaction fails if another worker wrote meanwhile."""
    reads = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
