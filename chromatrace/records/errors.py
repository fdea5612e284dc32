"""What the records of departments refuse.

InvalidInput
├── InvalidRecord               a document that its kind does not allow; `field` is a JSON pointer
│   ├── UnknownSchema           a kind or version that the plant does not define
│   └── UnknownPreceding        it goes on from a record that is not there
Conflict
└── RecordExists                there is a record of that kind and key already
    ├── RecordUnderWay          it was taken, and no block that the index has contains it yet
    └── RecordRepeated          somebody else recorded it at the same moment, and theirs came first
NotAuthorised
├── RecordNotReadable           the caller may not read this, or it is not there: which of them is not said
└── KeyMissing                  no key of this reader opens the document
NotFound
├── NoSuchProduct               no record that the caller may read is about it
└── ContentNotFound             the content store has no such document
IntegrityError
├── ContentChanged              stored bytes are not those that were put there
└── RecordMismatched            an entry on the chain names the document of another record
Unavailable
└── VaultUnavailable            the disk or the bucket's server does not answer
    └── VaultRefused            the bucket's server does not take our credentials, or not for this
"""

from __future__ import annotations

from collections.abc import Iterable

from chromatrace.domain.errors import Conflict, IntegrityError, InvalidInput, NotAuthorised, NotFound, Unavailable
from chromatrace.domain.ledger_entries import RecordId


class InvalidRecord(InvalidInput):
    """A document that its kind does not allow."""


class UnknownSchema(InvalidRecord):
    """A kind or version that the plant does not define."""


class UnknownPreceding(InvalidRecord):
    """The record before is not there, or is about another product."""


class RecordExists(Conflict):
    """A record of that kind and key is there already."""


class RecordUnderWay(RecordExists):
    """Records that were taken and are on their way to the chain: `records`."""

    def __init__(self, records: Iterable[RecordId], *, field: str = "") -> None:
        super().__init__(
            "this record is on its way to the chain already",
            field=field,
            hint="records are never changed; it shows when the index has its block",
        )
        self.records = frozenset(records)


class RecordRepeated(RecordExists):
    """The record was appended, but another one of that kind and key came to the chain first, and is the record."""

    def __init__(self, key: str, tx: str, *, field: str) -> None:
        super().__init__(
            f"another {key!r} was recorded at the same moment and came first: that one is the record, "
            f"this one (transaction {tx}) stands behind it as a repeat and counts nowhere",
            field=field,
            hint="`chromatrace record show` tells what is recorded; append what differs under another key",
        )


class RecordNotReadable(NotAuthorised):
    """The caller may not read it, or it is not there."""


class KeyMissing(NotAuthorised):
    """No key of this reader opens the document."""


class NoSuchProduct(NotFound):
    """No record that the caller may read is about the product."""


class ContentNotFound(NotFound):
    """The content store has no such document."""


class ContentChanged(IntegrityError):
    """Stored bytes are not those that were put there."""


class RecordMismatched(IntegrityError):
    """An entry that names the document of another record; a writer of its department put it there."""


class VaultUnavailable(Unavailable):
    """The content store's disk or server does not answer as it should; `field` is what to put right."""


class VaultRefused(VaultUnavailable):
    """The bucket's server does not take our credentials, or does not let them do this."""
