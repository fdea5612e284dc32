"""From a document to its entries on the chain: what it goes on from must be there, and it itself must not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chromatrace.domain.ledger_entries import LedgerEntry, RecordId, SubjectId, kind_hash, record_id, subject_id
from chromatrace.domain.record_kinds import Match, Preceding
from chromatrace.records.catalogue import Catalogue
from chromatrace.records.document import RecordDocument
from chromatrace.records.errors import RecordExists, UnknownPreceding


class Ledger(Protocol):
    """What is recorded so far: the index, or what a bulk import is about to append."""

    def subjects_of_record(self, record: RecordId) -> Sequence[SubjectId]:
        """The products that a record is about; none where there is no such record."""

    def latest_record(self, kinds: Sequence[bytes], subject: SubjectId) -> RecordId | None:
        """The newest record of these kinds (`kind_hash` of each version) about a product."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that may be appended: one entry for each product that it is about."""

    document: RecordDocument
    entries: tuple[LedgerEntry, ...]

    @property
    def kind(self) -> bytes:
        """What stands on the chain for its kind."""
        return kind_hash(self.document.kind.schema)


def prepare(catalogue: Catalogue, document: RecordDocument, ledger: Ledger) -> Prepared:
    """Checks a document against what is recorded. Raises `RecordExists`, `UnknownPreceding`; writes nothing."""
    kind = document.kind
    if ledger.subjects_of_record(document.record):
        raise RecordExists(
            f"there is a {kind.title.lower()} {document.key!r} already",
            field=f"/{kind.key[0]}",
            hint="records are never changed: append another one",
        )
    found = [_found(catalogue, document, before, ledger) for before in kind.preceding]
    by_key = [record for before, record in zip(kind.preceding, found, strict=True) if before.match is Match.KEY]
    preceding = next(iter(by_key + found), None)
    digest = document.digest
    entries = tuple(LedgerEntry(document.record, subject, preceding, digest) for subject in document.subjects)
    return Prepared(document, entries)


def _found(catalogue: Catalogue, document: RecordDocument, before: Preceding, ledger: Ledger) -> RecordId:
    """The (first) record that the field names; each one it names must be there."""
    value = document.fields[before.field]
    several = isinstance(value, list)
    found: list[RecordId] = []
    for place, name in enumerate(value if several else [value]):
        pointer = f"/{before.field}/{place}" if several else f"/{before.field}"
        title = catalogue.newest(before.kind).title.lower()
        if before.match is Match.SUBJECT:
            found.append(_about(catalogue, before.kind, title, name, pointer, ledger))
            continue
        record = record_id(before.kind, name)
        subjects = ledger.subjects_of_record(record)
        if not subjects:
            raise UnknownPreceding(
                f"unknown preceding key: there is no {title} {name!r}", field=pointer, hint="record that first"
            )
        if not set(subjects) & set(document.subjects):
            raise UnknownPreceding(
                f"the {title} {name!r} is not about {' or '.join(map(repr, document.products[:3]))}", field=pointer
            )
        found.append(record)
    return found[0]


def _about(catalogue: Catalogue, kind: str, title: str, product: str, pointer: str, ledger: Ledger) -> RecordId:
    hashes = [kind_hash(version.schema) for version in catalogue.versions_of(kind)]
    record = ledger.latest_record(hashes, subject_id(product))
    if record is None:
        raise UnknownPreceding(
            f"unknown preceding key: there is no {title} of product {product!r}",
            field=pointer,
            hint="record that first",
        )
    return record


class Pending:
    """A ledger and, on top of it, what was prepared for it: so that a bulk may go on from its own records."""

    def __init__(self, below: Ledger) -> None:
        self._below = below
        self._subjects: dict[RecordId, tuple[SubjectId, ...]] = {}
        self._latest: dict[tuple[bytes, SubjectId], tuple[int, RecordId]] = {}

    def add(self, prepared: Prepared) -> None:
        """Counts a prepared record as recorded."""
        document = prepared.document
        self._subjects[document.record] = document.subjects
        for subject in document.subjects:
            self._latest[prepared.kind, subject] = (len(self._subjects), document.record)

    def subjects_of_record(self, record: RecordId) -> Sequence[SubjectId]:
        """See `Ledger`."""
        return self._subjects.get(record) or self._below.subjects_of_record(record)

    def latest_record(self, kinds: Sequence[bytes], subject: SubjectId) -> RecordId | None:
        """See `Ledger`."""
        pending = [self._latest[kind, subject] for kind in kinds if (kind, subject) in self._latest]
        return max(pending)[1] if pending else self._below.latest_record(kinds, subject)
