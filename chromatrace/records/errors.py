"""What the records of departments refuse.

InvalidInput
├── InvalidRecordError               a document that its kind does not allow; `field` is a JSON pointer
│   ├── UnknownSchemaError           a kind or version that the plant does not define
│   └── UnknownPrecedingError        it goes on from a record that is not there
Conflict
└── RecordExistsError                there is a record of that kind and key already
    ├── RecordPendingError          it was taken, and no block that the index has contains it yet
    └── RecordRepeatedError          somebody else recorded it at the same moment, and theirs came first
NotAuthorised
├── RecordNotReadableError           the caller may not read this, or it is not there: which of them is not said
└── KeyMissingError                  no key of this reader opens the document
NotFound
├── ProductNotFoundError               no record that the caller may read is about it
└── ContentNotFoundError             the content store has no such document
IntegrityError
├── ContentCorruptError              stored bytes are not those that were put there
└── RecordMismatchError            an entry on the chain names the document of another record
Unavailable
└── VaultUnavailableError            the disk or the bucket's server does not answer
    └── VaultAccessError            the bucket's server does not take our credentials, or not for this
"""

from __future__ import annotations

from collections.abc import Iterable

from chromatrace.domain.errors import Conflict, IntegrityError, InvalidInput, NotAuthorised, NotFound, Unavailable
from chromatrace.domain.ledger_entries import RecordId


class InvalidRecordError(InvalidInput):
    """A document that its kind does not allow."""


class UnknownSchemaError(InvalidRecordError):
    """A kind or version that the plant does not define."""


class UnknownPrecedingError(InvalidRecordError):
    """The record before is not there, or is about another product."""


class RecordExistsError(Conflict):
    """A record of that kind and key is there already."""


class RecordPendingError(RecordExistsError):
    """Records that were taken and are on their way to the chain: `records`."""

    def __init__(self, records: Iterable[RecordId], *, field: str = "") -> None:
        super().__init__(
            "this record is on its way to the chain already",
            field=field,
            hint="records are never changed; it shows when the index has its block",
        )
        self.records = frozenset(records)


class RecordRepeatedError(RecordExistsError):
    """The record was appended, but another one of that kind and key came to the chain first, and is the record."""

    def __init__(self, key: str, tx: str, *, field: str) -> None:
        super().__init__(
            f"another {key!r} was recorded at the same moment and came first: that one is the record, "
            f"this one (transaction {tx}) stands behind it as a repeat and counts nowhere",
            field=field,
            hint="`chromatrace record show` tells what is recorded; append what differs under another key",
        )


class RecordNotReadableError(NotAuthorised):
    """The caller may not read it, or it is not there."""


class KeyMissingError(NotAuthorised):
    """No key of this reader opens the document."""


class ProductNotFoundError(NotFound):
    """No record that the caller may read is about the product."""


class ContentNotFoundError(NotFound):
    """The content store has no such document."""


class ContentCorruptError(IntegrityError):
    """Stored bytes are not those that were put there."""


class RecordMismatchError(IntegrityError):
    """An entry that names the document of another record; a writer of its department put it there."""


class VaultUnavailableError(Unavailable):
    """The content store's disk or server does not answer as it should; `field` is what to put right."""


class VaultAccessError(VaultUnavailableError):
    """The bucket's server does not take our credentials, or does not let them do this."""
