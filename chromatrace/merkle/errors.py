"""What the Merkle package refuses.

InvalidInput
└── EntryRefused           bytes that are not the one canonical encoding of a reading
    └── UnknownVersion     an entry of a version that this code does not know
IntegrityError
├── ProofRefused           a proof that does not show what it claims
└── LogCorrupt             the stored log does not match itself
Conflict
└── LogMoved               somebody else has appended to the log since its size was read
Unavailable
└── LogUnavailable         the log's file cannot be opened, read or written just now (locked, disk full)
"""

from __future__ import annotations

from chromatrace.domain.errors import Conflict, IntegrityError, InvalidInput, Unavailable


class EntryRefused(InvalidInput):
    """Bytes that are not the one canonical encoding of a reading."""


class UnknownVersion(EntryRefused):
    """An entry of a version that this code does not know."""


class ProofRefused(IntegrityError):
    """A proof that does not show what it claims."""


class LogCorrupt(IntegrityError):
    """The stored log does not match itself."""


class LogMoved(Conflict):
    """Somebody else has appended to the log since its size was read."""


class LogUnavailable(Unavailable):
    """The log's file cannot be opened, read or written just now."""
