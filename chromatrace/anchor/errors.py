"""What anchoring refuses.

Conflict
├── NotAnchoredYet         the reading is spooled, but under no head yet
└── HeadConflict           another head of the same size is already recorded: it is never replaced
NotFound
└── UnknownReading         the spool has no such reading
IntegrityError
├── SpoolDiffers           the spool does not hold what was hashed into the log
└── HeadsCorrupt           the stored heads are damaged
Unavailable
└── HeadsUnavailable       the heads' file cannot be read or written just now
"""

from __future__ import annotations

from chromatrace.domain.errors import Conflict, IntegrityError, NotFound, Unavailable


class NotAnchoredYet(Conflict):
    """The reading is spooled, but under no head yet."""


class HeadConflict(Conflict):
    """Another head of the same size is already recorded: it is never replaced."""


class UnknownReading(NotFound):
    """The spool has no such reading."""


class SpoolDiffers(IntegrityError):
    """The spool does not hold what was hashed into the log."""


class HeadsCorrupt(IntegrityError):
    """The stored heads are damaged."""


class HeadsUnavailable(Unavailable):
    """The heads' file cannot be read or written just now."""
