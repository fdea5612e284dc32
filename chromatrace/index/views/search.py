"""Results of a search by key."""

from __future__ import annotations

from dataclasses import dataclass

from chromatrace.domain.ledger_entries import SubjectId
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.index.views.batches import BatchView
from chromatrace.index.views.records import RecordView


@dataclass(frozen=True, slots=True)
class KeyMatches:
    """A product or record that a key identifies.

    batches     batches with this lot, GTIN or identifier
    kinds       kinds of the records with this key
    is_product  whether the key is the ID of a product that has records
    subjects    the products that those records are about
    records     all records of the readable departments about these products, oldest first
    truncated   whether a limit was reached
    """

    batches: tuple[BatchView, ...]
    kinds: tuple[RecordKind, ...]
    is_product: bool
    subjects: tuple[SubjectId, ...]
    records: tuple[RecordView, ...]
    truncated: bool

    def __bool__(self) -> bool:
        return bool(self.batches or self.records)
