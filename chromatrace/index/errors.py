"""Refusals of the index.

ChromaTraceError
├── Unavailable
│   ├── IndexUnavailable     the database does not answer, or was never migrated
│   └── FollowerBusy         another follower is writing to this database
├── Conflict
│   └── WrongIndex           the database holds another chain or deployment, or the chain was reset
└── IntegrityError
    └── InconsistentEvents   an event that cannot follow the ones before it
"""

from __future__ import annotations

from chromatrace.domain.errors import Conflict, IntegrityError, Unavailable


class IndexUnavailable(Unavailable):
    """The index's database does not answer or has not been set up."""


class FollowerBusy(Unavailable):
    """Another follower holds this index's writer lock."""


class WrongIndex(Conflict):
    """The database was built from another chain, another deployment, or a chain that has been reset since."""


class InconsistentEvents(IntegrityError):
    """An event refers to something that no event before it made: events are missing or the node is wrong."""
