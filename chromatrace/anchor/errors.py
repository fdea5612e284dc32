"""Errors of the anchor package.

Conflict
├── NotAnchoredError       the reading is spooled, but no head covers it yet
└── HeadConflictError      another head of this size, or a larger one, is recorded
NotFound
└── ReadingNotFoundError   the spool has no such reading
IntegrityError
├── SpoolMismatchError     the spool differs from the log
└── HeadsCorruptError      the stored heads are damaged
Unavailable
└── HeadsUnavailableError  the file of heads cannot be read or written now
"""

from __future__ import annotations

from chromatrace.domain.errors import Conflict, IntegrityError, NotFound, Unavailable


class NotAnchoredError(Conflict):
    """The reading is spooled, but no head covers it yet."""


class HeadConflictError(Conflict):
    """Another head of this size, or a larger one, is recorded; heads are never replaced."""


class ReadingNotFoundError(NotFound):
    """The spool has no such reading."""


class SpoolMismatchError(IntegrityError):
    """The spool differs from what was hashed into the log."""


class HeadsCorruptError(IntegrityError):
    """The stored heads are damaged."""


class HeadsUnavailableError(Unavailable):
    """The file of heads cannot be read or written now."""
