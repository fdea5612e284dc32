"""Search by any key: contract, order, drawing, component, product, lot, GTIN or batch identifier."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import or_, select, true

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import BatchId, BatchKey, Gtin
from chromatrace.domain.ledger_entries import SubjectId, record_id, subject_id
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.index.models import BatchRow
from chromatrace.index.queries.batches import BatchQueries
from chromatrace.index.queries.records import RecordQueries
from chromatrace.index.views import BatchView, KeyMatches

MAX_MATCHES = 200
"""Maximum number of batches, of products and of records in one result."""

_BATCH_ID = re.compile(r"0x[0-9a-fA-F]{64}")


class FindQueries(BatchQueries, RecordQueries):
    """Search by key."""

    def find(
        self,
        key: str,
        kinds: Sequence[RecordKind] = (),
        departments: Sequence[bytes] = (),
        organisation: int | None = None,
    ) -> KeyMatches:
        """Return everything under a key that a reader of these departments may see.

        Batches that `organisation` made or holds come first, and count first towards the limit.

        A key is a batch's lot, GTIN/LOT, GTIN or identifier (0x…), the key of a record of one of `kinds`, or a
        product ID. Batches are public. Records of other departments are not returned and lead to no product.
        """
        key = key.strip()
        if not key:
            raise InvalidInput(
                "the key is empty", field="key", hint="enter a contract, order, component, serial, lot or product ID"
            )
        batches, more_batches = self._batches_by_key(key, organisation)
        matched_kinds: list[RecordKind] = []
        subjects: dict[SubjectId, None] = {}
        readable = set(departments)
        for kind in {kind.id: kind for kind in kinds}.values():
            entries = [entry for entry in self.record(record_id(kind.id, key)) if entry.department in readable]
            if entries:
                matched_kinds.append(kind)
                subjects |= dict.fromkeys(entry.subject for entry in entries)
        product = subject_id(key)
        is_product = bool(departments) and bool(self.records_of(product, departments))
        if is_product:
            subjects[product] = None
        returned = tuple(subjects)[:MAX_MATCHES]
        records = [entry for subject in returned for entry in self.records_of(subject, departments)]
        records.sort(key=lambda entry: (entry.appended.block_number, entry.appended.log_index, entry.number))
        truncated = more_batches or len(subjects) > MAX_MATCHES or len(records) > MAX_MATCHES
        matches = tuple(records[:MAX_MATCHES])
        return KeyMatches(batches, tuple(matched_kinds), is_product, returned, matches, truncated)

    def _batches_by_key(self, key: str, organisation: int | None) -> tuple[tuple[BatchView, ...], bool]:
        """Return the batches, and whether there are more."""
        if _BATCH_ID.fullmatch(key):
            batch = self.batch(BatchId(bytes.fromhex(key[2:])))
            return ((batch,) if batch else ()), False
        batches: dict[BatchId, BatchView] = {}
        gtin_text, slash, lot = key.partition("/")
        if slash and (batch_key := _batch_key(gtin_text, lot)) and (batch := self.batch_by_key(batch_key)):
            batches[batch.batch_id] = batch
        gtin = _gtin(key)
        named = [BatchRow.lot == key] if gtin is None else [BatchRow.gtin == int(gtin), BatchRow.lot == key]
        own = or_(BatchRow.producer == organisation, BatchRow.custodian == organisation)
        for whose in [true()] if organisation is None else [own, true()]:
            for condition in named:
                statement = select(BatchRow).where(condition, whose).order_by(BatchRow.position.desc())
                views = self._batches(statement.limit(MAX_MATCHES + 1))
                batches = batches | {view.batch_id: view for view in views if view.batch_id not in batches}
        views = tuple(batches.values())
        return views[:MAX_MATCHES], len(views) > MAX_MATCHES


def _gtin(text: str) -> Gtin | None:
    try:
        return Gtin(text)
    except InvalidInput:
        return None


def _batch_key(gtin: str, lot: str) -> BatchKey | None:
    try:
        return BatchKey.parse(gtin, lot)
    except InvalidInput:
        return None
