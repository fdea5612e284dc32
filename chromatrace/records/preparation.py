"""From a document to its entries on the chain: what it goes on from must be there, and it itself must not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chromatrace.domain.ledger_entries import LedgerEntry, RecordId, SubjectId, kind_hash, record_id, subject_id
from chromatrace.domain.record_kinds import Match, Preceding, RecordKind
from chromatrace.records.catalogue import Catalogue
from chromatrace.records.document import RecordDocument
from chromatrace.records.errors import RecordExistsError, UnknownPrecedingError


class Ledger(Protocol):
    """What one organisation's departments, by their names, have recorded so far, or are about to.

    Keys can be guessed, and anybody may append anything to a department of its own: only the department that writes a
    kind is asked about it.
    """

    def subjects_of_record(self, record: RecordId, department: str) -> Sequence[SubjectId]:
        """The products that a department's record is about; none where it has no such record."""

    def latest_record(self, kinds: Sequence[bytes], subject: SubjectId, department: str) -> RecordId | None:
        """The newest record of these kinds (`kind_hash` of each version) that a department has about a product."""


@dataclass(frozen=True, slots=True)
class PreparedRecord:
    """A document that may be appended: one entry for each product that it is about."""

    document: RecordDocument
    entries: tuple[LedgerEntry, ...]

    @property
    def kind(self) -> bytes:
        """What stands on the chain for its kind."""
        return kind_hash(self.document.kind.schema)


def prepare(catalogue: Catalogue, document: RecordDocument, ledger: Ledger) -> PreparedRecord:
    """Check a document against the ledger, without writing. Raises `RecordExistsError`, `UnknownPrecedingError`."""
    kind = document.kind
    if ledger.subjects_of_record(document.record, kind.department):
        raise RecordExistsError(
            f"there is a {kind.title.lower()} {document.key!r} already",
            field=f"/{kind.key[0]}",
            hint="records are never changed: append another one",
        )
    found = [_found(catalogue, document, before, ledger) for before in kind.preceding]
    by_key = [record for before, record in zip(kind.preceding, found, strict=True) if before.match is Match.KEY]
    preceding = next(iter(by_key + found), None)
    digest = document.digest
    entries = tuple(LedgerEntry(document.record, subject, preceding, digest) for subject in document.subjects)
    return PreparedRecord(document, entries)


def _found(catalogue: Catalogue, document: RecordDocument, before: Preceding, ledger: Ledger) -> RecordId:
    """The (first) record that the field names; each one it names must be there."""
    value = document.fields[before.field]
    several = isinstance(value, list)
    found: list[RecordId] = []
    for place, name in enumerate(value if several else [value]):
        pointer = f"/{before.field}/{place}" if several else f"/{before.field}"
        newest = catalogue.newest(before.kind)
        title = newest.title.lower()
        if before.match is Match.SUBJECT:
            found.append(_about(catalogue, newest, name, pointer, ledger))
            continue
        record = record_id(before.kind, name)
        subjects = ledger.subjects_of_record(record, newest.department)
        if not subjects:
            raise UnknownPrecedingError(
                f"unknown preceding key: there is no {title} {name!r}", field=pointer, hint="record that first"
            )
        if not set(subjects) & set(document.subjects):
            raise UnknownPrecedingError(
                f"the {title} {name!r} is not about {' or '.join(map(repr, document.products[:3]))}", field=pointer
            )
        found.append(record)
    return found[0]


def _about(catalogue: Catalogue, kind: RecordKind, product: str, pointer: str, ledger: Ledger) -> RecordId:
    hashes = [kind_hash(version.schema) for version in catalogue.versions_of(kind.id)]
    record = ledger.latest_record(hashes, subject_id(product), kind.department)
    if record is None:
        raise UnknownPrecedingError(
            f"unknown preceding key: there is no {kind.title.lower()} of product {product!r}",
            field=pointer,
            hint="record that first",
        )
    return record


class PendingLedger:
    """A ledger and, on top of it, what was prepared for it: so that a bulk may go on from its own records."""

    def __init__(self, below: Ledger) -> None:
        self._below = below
        self._subjects: dict[RecordId, tuple[SubjectId, ...]] = {}
        self._latest: dict[tuple[bytes, SubjectId], tuple[int, RecordId]] = {}

    def add(self, prepared: PreparedRecord) -> None:
        """Counts a prepared record as recorded."""
        document = prepared.document
        self._subjects[document.record] = document.subjects
        for subject in document.subjects:
            self._latest[prepared.kind, subject] = (len(self._subjects), document.record)

    def subjects_of_record(self, record: RecordId, department: str) -> Sequence[SubjectId]:
        """See `Ledger`."""
        return self._subjects.get(record) or self._below.subjects_of_record(record, department)

    def latest_record(self, kinds: Sequence[bytes], subject: SubjectId, department: str) -> RecordId | None:
        """See `Ledger`."""
        pending = [self._latest[kind, subject] for kind in kinds if (kind, subject) in self._latest]
        return max(pending)[1] if pending else self._below.latest_record(kinds, subject, department)
