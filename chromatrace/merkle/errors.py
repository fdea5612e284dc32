"""Errors of the Merkle package.

InvalidInput
└── EntryError             the bytes are not the canonical encoding of a reading
    └── EntryVersionError  the entry has an unknown version
IntegrityError
├── ProofError             the proof is invalid
└── LogCorruptError        the stored log is inconsistent
Conflict
└── LogConflictError       another writer has appended to the log
Unavailable
└── LogUnavailableError    the log file cannot be used now (locked, disk full)
"""

from __future__ import annotations

from chromatrace.domain.errors import Conflict, IntegrityError, InvalidInput, Unavailable


class EntryError(InvalidInput):
    """The bytes are not the canonical encoding of a reading."""


class EntryVersionError(EntryError):
    """The entry has an unknown version."""


class ProofError(IntegrityError):
    """The proof is invalid."""


class LogCorruptError(IntegrityError):
    """The stored log is inconsistent."""


class LogConflictError(Conflict):
    """Another writer has appended to the log since its size was read."""


class LogUnavailableError(Unavailable):
    """The log file cannot be opened, read or written now."""
