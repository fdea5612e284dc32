"""Errors of the index.

ChromaTraceError
├── Unavailable
│   ├── IndexUnavailableError     the database does not respond or has no index schema
│   └── FollowerBusyError         another follower is writing to this database
├── Conflict
│   └── WrongIndexError           the database holds another chain or deployment, or the chain was reset
└── IntegrityError
    └── InconsistentEventsError   an event refers to an entity that no earlier event created
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from sqlalchemy import Engine

from chromatrace.domain.errors import Conflict, IntegrityError, Unavailable
from chromatrace.storage.sql import SqlErrors


class IndexUnavailableError(Unavailable):
    """The index database does not respond or has no index schema."""


class FollowerBusyError(Unavailable):
    """Another follower holds the writer lock of this index."""


class WrongIndexError(Conflict):
    """The database was built from another chain or deployment, or from a chain that has been reset since."""


class InconsistentEventsError(IntegrityError):
    """An event refers to an entity that no earlier event created: events are missing, or the node is wrong."""


_ERRORS = SqlErrors(
    IndexUnavailableError,
    "index",
    "run `chromatrace index sync` once",
    "move the file away; the index is rebuilt from the chain",
)


def database_errors(engine: Engine) -> AbstractContextManager[None]:
    """Translate driver errors of a block to `IndexUnavailableError`; SQL errors pass unchanged."""
    return _ERRORS.raised(engine)
