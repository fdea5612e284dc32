"""Errors of ingestion.

    InvalidInput
    ├── LayoutError            the layout options are wrong or do not fit the file
    └── FileFormatError        the file contains no readings that can be read
    IntegrityError
    └── SpoolCorrupt           the file is not a spool, or it is damaged
    Unavailable
    └── SpoolUnavailable       the spool cannot be read or written at the moment
        └── SpoolFull          the disk or the configured limit is full

A rejected reading or row does not raise an error. It is reported with the result (`ReadingConflict`, `RejectedValue`).
"""

from __future__ import annotations

from chromatrace.domain.errors import IntegrityError, InvalidInput, Unavailable


class LayoutError(InvalidInput):
    """The layout options are wrong or do not fit the file."""


class FileFormatError(InvalidInput):
    """The file contains no readings that can be read."""


class SpoolCorrupt(IntegrityError):
    """The file is not a spool, or it is damaged."""


class SpoolUnavailable(Unavailable):
    """The spool cannot be read or written at the moment. The current batch was not stored and can be sent again."""


class SpoolFull(SpoolUnavailable):
    """The disk or the configured limit is full. The current batch was not stored."""
