"""One question for any key: contract, order, drawing, component, product, lot, GTIN, or a batch's own identifier."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import BatchId, BatchKey, Gtin
from chromatrace.domain.ledger_entries import SubjectId, record_id, subject_id
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.index.models import Batch
from chromatrace.index.queries.batches import BatchQueries
from chromatrace.index.queries.records import RecordQueries
from chromatrace.index.views import BatchView, RecordView

MAX_FOUND = 200
"""Batches, products and records that one answer holds at most of each."""

_BATCH_ID = re.compile(r"0x[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Found:
    """What a key leads to.

    kinds      kinds of record that have a record with this key
    is_product whether it is the product ID of what is recorded
    subjects   the products that those records are about
    records    everything that the readable departments have recorded about these products, oldest first
    truncated  whether there is more than this
    """

    key: str
    batches: tuple[BatchView, ...]
    kinds: tuple[RecordKind, ...]
    is_product: bool
    subjects: tuple[SubjectId, ...]
    records: tuple[RecordView, ...]
    truncated: bool

    def __bool__(self) -> bool:
        return bool(self.batches or self.records)


class FindQueries(BatchQueries, RecordQueries):
    """The question for any key."""

    def find(self, key: str, kinds: Sequence[RecordKind] = (), departments: Sequence[bytes] = ()) -> Found:
        """Everything under a key that a reader of these `departments` may see.

        A batch is named by lot, GTIN/LOT, GTIN (its newest batches) or identifier (0x…); a record by its key, in any
        of `kinds`; a product by its ID. Batches are public, records are those of `departments` only: what another
        department has under this key is not there, and does not lead to anything.
        """
        if not key.strip():
            raise InvalidInput(
                "a key is needed", field="key", hint="a contract, order, component, serial, lot, product"
            )
        key = key.strip()
        batches, more_batches = self._batches_named(key)
        matched: list[RecordKind] = []
        subjects: dict[SubjectId, None] = {}
        readable = set(departments)
        for kind in {kind.id: kind for kind in kinds}.values():
            entries = [entry for entry in self.record(record_id(kind.id, key)) if entry.department in readable]
            if entries:
                matched.append(kind)
                subjects |= dict.fromkeys(entry.subject for entry in entries)
        product = subject_id(key)
        is_product = bool(departments) and bool(self.records_of(product, departments))
        if is_product:
            subjects[product] = None
        chosen = tuple(subjects)[:MAX_FOUND]
        records = [entry for subject in chosen for entry in self.records_of(subject, departments)]
        records.sort(key=lambda entry: (entry.appended.block_number, entry.appended.log_index, entry.number))
        truncated = more_batches or len(subjects) > MAX_FOUND or len(records) > MAX_FOUND
        return Found(key, batches, tuple(matched), is_product, chosen, tuple(records[:MAX_FOUND]), truncated)

    def _batches_named(self, key: str) -> tuple[tuple[BatchView, ...], bool]:
        """The batches, and whether there are more."""
        if _BATCH_ID.fullmatch(key):
            one = self.batch(BatchId(bytes.fromhex(key[2:])))
            return ((one,) if one else ()), False
        found: dict[BatchId, BatchView] = {}
        gtin, slash, lot = key.partition("/")
        if slash and (named := _key(gtin, lot)) and (one := self.batch_by_key(named)):
            found[one.batch_id] = one
        of_line = _gtin(key)
        if of_line is not None:
            found |= {view.batch_id: view for view in self.batches(gtin=of_line, limit=MAX_FOUND + 1)}
        statement = select(Batch).where(Batch.lot == key).order_by(Batch.position.desc()).limit(MAX_FOUND + 1)
        found |= {view.batch_id: view for view in self._batches(statement)}
        views = tuple(found.values())
        return views[:MAX_FOUND], len(views) > MAX_FOUND


def _gtin(text: str) -> Gtin | None:
    try:
        return Gtin(text)
    except InvalidInput:
        return None


def _key(gtin: str, lot: str) -> BatchKey | None:
    try:
        return BatchKey.parse(gtin, lot)
    except InvalidInput:
        return None
