"""What ingestion refuses.

    InvalidInput
    ├── LayoutRefused          the options that say how a file is laid out are wrong or do not fit it
    └── FileRefused            the file cannot be read as readings at all
    IntegrityError
    └── SpoolCorrupt           the spool's file is not a spool, or is damaged
    Unavailable
    └── SpoolUnavailable       the spool cannot be written or read just now
        └── SpoolFull          the disk, or the limit that was set, is full

A single reading or row that is refused raises nothing: it is reported beside those taken (`Conflict`, `RefusedRow`).
"""

from __future__ import annotations

from chromatrace.domain.errors import IntegrityError, InvalidInput, Unavailable


class LayoutRefused(InvalidInput):
    """The options that say how a file is laid out are wrong or do not fit it."""


class FileRefused(InvalidInput):
    """The file cannot be read as readings at all."""


class SpoolCorrupt(IntegrityError):
    """The spool's file is not a spool, or is damaged."""


class SpoolUnavailable(Unavailable):
    """The spool cannot be written or read just now; nothing of the present batch was taken, sending again is safe."""


class SpoolFull(SpoolUnavailable):
    """The disk, or the limit that was set, is full; nothing of the present batch was taken."""
