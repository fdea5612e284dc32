"""Interrupt SQL statements that take too long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, text

from chromatrace.domain.errors import Unavailable

_INSTRUCTIONS = 5_000
"""Instructions of SQLite's virtual machine between two looks at the clock."""


class TimeLimitError(Unavailable):
    """The statements took longer than their limit. Only reads may have been interrupted."""


@contextmanager
def time_limit(connection: Connection, seconds: float) -> Iterator[None]:
    """Raise `TimeLimitError` if the reads on a connection in this block take longer than `seconds`.

    SQLite: all statements together, in processor time of this thread, which does not depend on the load of the machine.
    PostgreSQL: each statement, in the server's time.
    """
    limit = _limit_postgresql if connection.dialect.name == "postgresql" else _limit_sqlite
    with limit(connection, seconds):
        yield


@contextmanager
def _limit_sqlite(connection: Connection, seconds: float) -> Iterator[None]:
    driver: Any = connection.connection.driver_connection
    end = time.thread_time() + seconds
    interrupted = False

    def interrupt() -> bool:
        nonlocal interrupted
        interrupted = time.thread_time() > end
        return interrupted

    driver.set_progress_handler(interrupt, _INSTRUCTIONS)
    try:
        yield
    except Exception as error:
        if interrupted:
            raise _error(seconds) from error
        raise
    finally:
        driver.set_progress_handler(None, 0)


@contextmanager
def _limit_postgresql(connection: Connection, seconds: float) -> Iterator[None]:
    connection.execute(text(f"SET LOCAL statement_timeout = {max(1, round(seconds * 1000))}"))
    try:
        yield
    except Exception as error:
        if _is_cancelled(error):
            raise _error(seconds) from error
        raise
    else:
        connection.execute(text("SET LOCAL statement_timeout = 0"))


def _is_cancelled(error: BaseException | None) -> bool:
    """Return whether PostgreSQL cancelled a statement (SQLSTATE 57014)."""
    while error is not None:
        if getattr(getattr(error, "orig", None), "sqlstate", None) == "57014":
            return True
        error = error.__cause__
    return False


def _error(seconds: float) -> TimeLimitError:
    return TimeLimitError(f"the query takes longer than {seconds * 1000:.0f} ms")
