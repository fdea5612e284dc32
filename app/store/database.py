"""One database of the portal: its engine, and a session for each unit of work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.store.models import PortalBase
from chromatrace.domain.errors import Unavailable


class PortalDatabase:
    """The portal's tables at `url`. SQLite or PostgreSQL; many workers may share one."""

    def __init__(self, url: str) -> None:
        self.engine: Engine = create_engine(url, pool_pre_ping=True)
        if make_url(url).get_backend_name() == "sqlite":
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_immediately)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        with self._told():
            PortalBase.metadata.create_all(self.engine)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A session that commits at the end and rolls back on any error."""
        with self._told(), self._sessions.begin() as session:
            yield session

    @contextmanager
    def _told(self) -> Iterator[None]:
        """The driver's errors as a refusal, where they are not our own mistakes."""
        try:
            yield
        except DatabaseError as error:
            # The plain error is SQLite's for a file that is no database; locked and full ones are operational.
            if type(error) is not DatabaseError and not isinstance(error, OperationalError):
                raise
            raise Unavailable(
                f"{self.engine.url.render_as_string()}: {str(error.orig).strip().splitlines()[0]}",
                field="portal_url",
                hint="is the database running, is its disk full, does another process hold it? A damaged one is put "
                "back from a copy",
            ) from error

    def close(self) -> None:
        """Closes every connection."""
        self.engine.dispose()


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """WAL and a patient lock: workers write beside each other. BEGIN is ours, see below."""
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA busy_timeout=30000")
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin_immediately(connection: Any) -> None:
    """A read that turns into a write would fail at once under a deferred BEGIN when another worker wrote between."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
