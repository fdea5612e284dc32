"""Errors of department records.

InvalidInput
├── InvalidRecordError              the document does not match its kind; `field` is a JSON pointer
│   ├── UnknownSchemaError          the plant does not define this kind or version
│   └── UnknownPrecedingError       the preceding record does not exist, or is about another product
└── ReaderKeyFileError              a file of reader keys is damaged, or its password is wrong
Conflict
├── RecordExistsError               a record of this kind and key exists
│   ├── RecordPendingError          the record is submitted, but the index does not have its block yet
│   └── RecordRepeatedError         another writer recorded the same key first at the same time
└── ReaderExistsError               another key of the same identity reads the record; rotate explicitly
NotAuthorised
├── RecordNotReadableError          the record does not exist, or the caller may not read it; not disclosed which
└── KeyMissingError                 no key of this reader decrypts the document
NotFound
├── ProductNotFoundError            no record that the caller may read is about this product
└── ContentNotFoundError            the store does not have this document
IntegrityError
├── ContentCorruptError             the stored bytes have changed
└── RecordMismatchError             an entry on the chain refers to the document of another record
Unavailable
└── VaultUnavailableError           the disk or the S3 server does not respond
    └── VaultAccessError            the S3 server rejects the credentials, or they lack permissions
"""

from __future__ import annotations

from collections.abc import Iterable

from chromatrace.domain.errors import Conflict, IntegrityError, InvalidInput, NotAuthorised, NotFound, Unavailable
from chromatrace.domain.ledger_entries import RecordId


class InvalidRecordError(InvalidInput):
    """The document does not match its kind."""


class UnknownSchemaError(InvalidRecordError):
    """The plant does not define this kind or version."""


class UnknownPrecedingError(InvalidRecordError):
    """The preceding record does not exist, or is about another product."""


class ReaderKeyFileError(InvalidInput):
    """A file of reader keys is damaged, or its password is wrong. A client of the portal did not cause it."""


class RecordExistsError(Conflict):
    """A record of this kind and key exists."""


class RecordPendingError(RecordExistsError):
    """Records that are submitted but not indexed yet: `records`."""

    def __init__(self, records: Iterable[RecordId], *, field: str = "") -> None:
        super().__init__(
            "this record is already pending confirmation",
            field=field,
            hint="records cannot be changed; it appears once the index has its block",
        )
        self.records = frozenset(records)


class RecordRepeatedError(RecordExistsError):
    """The record was appended after another one of the same kind and key, which is the valid one."""

    def __init__(self, key: str, tx: str, *, field: str) -> None:
        super().__init__(
            f"another writer recorded {key!r} first; transaction {tx} is a repeat without effect",
            field=field,
            hint="see `chromatrace record show`; append differing data under another key",
        )


class ReaderExistsError(Conflict):
    """Another key of the same identity reads the record already."""

    def __init__(self, name: str, fingerprint: str) -> None:
        super().__init__(
            f"{name!r} already reads this record with another key, {fingerprint}",
            field="reader",
            hint="request a rotation if the new key replaces that one",
        )


class RecordNotReadableError(NotAuthorised):
    """The record does not exist, or the caller may not read it."""


class KeyMissingError(NotAuthorised):
    """No key of this reader decrypts the document."""


class ProductNotFoundError(NotFound):
    """No record that the caller may read is about this product."""


class ContentNotFoundError(NotFound):
    """The store does not have this document."""


class ContentCorruptError(IntegrityError):
    """The stored bytes have changed."""


class RecordMismatchError(IntegrityError):
    """An entry on the chain refers to the document of another record."""


class VaultUnavailableError(Unavailable):
    """The disk or server of the store does not respond; `field` names the setting to check."""


class VaultAccessError(VaultUnavailableError):
    """The S3 server rejects the credentials, or they lack permissions."""
