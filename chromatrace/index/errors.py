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

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError, InterfaceError, OperationalError

from chromatrace.domain.errors import Conflict, IntegrityError, Unavailable

_NO_TABLE = re.compile(r"no such table|relation .* does not exist")


class IndexUnavailableError(Unavailable):
    """The index database does not respond or has no index schema."""


class FollowerBusyError(Unavailable):
    """Another follower holds the writer lock of this index."""


class WrongIndexError(Conflict):
    """The database was built from another chain or deployment, or from a chain that has been reset since."""


class InconsistentEventsError(IntegrityError):
    """An event refers to an entity that no earlier event created: events are missing, or the node is wrong."""


@contextmanager
def database_errors(engine: Engine) -> Iterator[None]:
    """Translate driver errors to `IndexUnavailableError`; SQL errors pass unchanged."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        url = engine.url.render_as_string(hide_password=True)
        reason = str(error.orig).strip().splitlines()[0]
        if _NO_TABLE.search(reason):
            raise IndexUnavailableError(
                f"{url} contains no index", field="database_url", hint="run `chromatrace index sync` once"
            ) from error
        if type(error) is DatabaseError:
            # SQLite reports a damaged file, or a file that is not a database, by this class itself.
            hint = "move the file away; the index is rebuilt from the chain"
        elif isinstance(error, OperationalError | InterfaceError):
            hint = "check that the database is running and reachable, its disk has space, and no other process locks it"
        else:
            raise
        raise IndexUnavailableError(f"{url}: {reason}", field="database_url", hint=hint) from error
