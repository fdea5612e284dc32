"""Errors of the document store.

NotFound
└── DocumentNotFoundError           no document with this digest is stored
IntegrityError
└── DocumentCorruptError            the stored bytes do not match their digest
Unavailable
└── DocumentStoreUnavailableError   the folder cannot be read or written now (disk full, permissions)
"""

from __future__ import annotations

from chromatrace.domain.errors import IntegrityError, NotFound, Unavailable


class DocumentNotFoundError(NotFound):
    """No document with this digest is stored."""


class DocumentCorruptError(IntegrityError):
    """The stored bytes do not match their digest."""


class DocumentStoreUnavailableError(Unavailable):
    """The folder of documents cannot be read or written now."""
