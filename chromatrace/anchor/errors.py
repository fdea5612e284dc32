"""What anchoring refuses.

Conflict
├── NotAnchoredError         the reading is spooled, but under no head yet
└── HeadConflictError           another head of the same size is already recorded: it is never replaced
NotFound
└── ReadingNotFoundError         the spool has no such reading
IntegrityError
├── SpoolMismatchError           the spool does not hold what was hashed into the log
└── HeadsCorruptError           the stored heads are damaged
Unavailable
└── HeadsUnavailableError       the heads' file cannot be read or written just now
"""

from __future__ import annotations

from chromatrace.domain.errors import Conflict, IntegrityError, NotFound, Unavailable


class NotAnchoredError(Conflict):
    """The reading is spooled, but under no head yet."""


class HeadConflictError(Conflict):
    """Another head of the same size is already recorded: it is never replaced."""


class ReadingNotFoundError(NotFound):
    """The spool has no such reading."""


class SpoolMismatchError(IntegrityError):
    """The spool does not hold what was hashed into the log."""


class HeadsCorruptError(IntegrityError):
    """The stored heads are damaged."""


class HeadsUnavailableError(Unavailable):
    """The heads' file cannot be read or written just now."""
