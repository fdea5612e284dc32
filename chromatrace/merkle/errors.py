"""What the Merkle package refuses.

InvalidInput
└── EntryError           bytes that are not the one canonical encoding of a reading
    └── EntryVersionError     an entry of a version that this code does not know
IntegrityError
├── ProofError           a proof that does not show what it claims
└── LogCorruptError             the stored log does not match itself
Conflict
└── LogConflictError               somebody else has appended to the log since its size was read
Unavailable
└── LogUnavailableError         the log's file cannot be opened, read or written just now (locked, disk full)
"""

from __future__ import annotations

from chromatrace.domain.errors import Conflict, IntegrityError, InvalidInput, Unavailable


class EntryError(InvalidInput):
    """Bytes that are not the one canonical encoding of a reading."""


class EntryVersionError(EntryError):
    """An entry of a version that this code does not know."""


class ProofError(IntegrityError):
    """A proof that does not show what it claims."""


class LogCorruptError(IntegrityError):
    """The stored log does not match itself."""


class LogConflictError(Conflict):
    """Somebody else has appended to the log since its size was read."""


class LogUnavailableError(Unavailable):
    """The log's file cannot be opened, read or written just now."""
