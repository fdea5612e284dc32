"""What this package refuses; the tree is drawn in the package's docstring."""

from __future__ import annotations

from chromatrace.domain.errors import IntegrityError, NotFound, Unavailable


class DocumentNotFoundError(NotFound):
    """No document with this digest is stored."""


class DocumentCorruptError(IntegrityError):
    """Stored bytes do not match their digest."""


class DocumentStoreUnavailableError(Unavailable):
    """The folder of documents cannot be read or written just now."""
