"""Convert a document to ledger entries, after checking that its preceding records exist and the record does not."""

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
    """Recorded and pending records of an organisation's departments, by department name.

    Queries name the department that writes the kind, because keys can be guessed and any organisation may append any
    record to its own departments.
    """

    def subjects_of_record(self, record: RecordId, department: str) -> Sequence[SubjectId]:
        """Return the products of a department's record; empty if there is no such record."""

    def latest_record(self, kinds: Sequence[bytes], subject: SubjectId, department: str) -> RecordId | None:
        """Return a department's newest record of these kinds (`kind_hash` of each version) about a product."""


@dataclass(frozen=True, slots=True)
class PreparedRecord:
    """A document that may be appended, with one entry per product."""

    document: RecordDocument
    entries: tuple[LedgerEntry, ...]

    @property
    def kind(self) -> bytes:
        """Hash of its kind on the chain."""
        return kind_hash(self.document.kind.schema)


def prepare(catalogue: Catalogue, document: RecordDocument, ledger: Ledger) -> PreparedRecord:
    """Check a document against the ledger, without writing. Raises `RecordExistsError`, `UnknownPrecedingError`."""
    kind = document.kind
    if ledger.subjects_of_record(document.record, kind.department):
        raise RecordExistsError(
            f"{kind.title.lower()} {document.key!r} already exists",
            field=f"/{kind.key[0]}",
            hint="records cannot be changed; append another one",
        )
    records = [_preceding(catalogue, document, before, ledger) for before in kind.preceding]
    by_key = [record for before, record in zip(kind.preceding, records, strict=True) if before.match is Match.KEY]
    preceding = next(iter(by_key + records), None)
    digest = document.digest
    entries = tuple(LedgerEntry(document.record, subject, preceding, digest) for subject in document.subjects)
    return PreparedRecord(document, entries)


def _preceding(catalogue: Catalogue, document: RecordDocument, before: Preceding, ledger: Ledger) -> RecordId:
    """Return the first record that the field refers to, after checking that all of them exist."""
    value = document.fields[before.field]
    several = isinstance(value, list)
    records: list[RecordId] = []
    for index, name in enumerate(value if several else [value]):
        pointer = f"/{before.field}/{index}" if several else f"/{before.field}"
        newest = catalogue.newest(before.kind)
        title = newest.title.lower()
        if before.match is Match.SUBJECT:
            records.append(_latest_about(catalogue, newest, name, pointer, ledger))
            continue
        record = record_id(before.kind, name)
        subjects = ledger.subjects_of_record(record, newest.department)
        if not subjects:
            raise UnknownPrecedingError(f"{title} {name!r} does not exist", field=pointer, hint="append it first")
        if not set(subjects) & set(document.subjects):
            raise UnknownPrecedingError(
                f"{title} {name!r} is not about {' or '.join(map(repr, document.products[:3]))}", field=pointer
            )
        records.append(record)
    return records[0]


def _latest_about(catalogue: Catalogue, kind: RecordKind, product: str, pointer: str, ledger: Ledger) -> RecordId:
    hashes = [kind_hash(version.schema) for version in catalogue.versions_of(kind.id)]
    record = ledger.latest_record(hashes, subject_id(product), kind.department)
    if record is None:
        raise UnknownPrecedingError(
            f"product {product!r} has no {kind.title.lower()}",
            field=pointer,
            hint="append it first",
        )
    return record


class PendingLedger:
    """A ledger with prepared records on top: rows of an import can refer to earlier rows."""

    def __init__(self, below: Ledger) -> None:
        self._below = below
        self._subjects: dict[RecordId, tuple[SubjectId, ...]] = {}
        self._latest: dict[tuple[bytes, SubjectId], tuple[int, RecordId]] = {}

    def add(self, prepared: PreparedRecord) -> None:
        """Add a prepared record."""
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
