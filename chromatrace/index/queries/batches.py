"""Queries about batches, their inputs, inspections and custody offers."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import BigInteger, ColumnElement, exists, func, or_, select, type_coerce

from chromatrace.domain.addresses import checksummed
from chromatrace.domain.errors import NotFound
from chromatrace.domain.genealogy import Input
from chromatrace.domain.identifiers import BatchId, BatchKey, Gtin, Lot
from chromatrace.domain.rights import BatchState, HoldKind, SalesChannel, Scope, Stage, Verdict
from chromatrace.index.models import BatchInputRow, BatchRow, GrantRow, InspectionRow, NoticeRow, OfferRow
from chromatrace.index.queries.base import MAX_INTEGER, Queries, Statement, chunks, first, none_if_zero
from chromatrace.index.views import BatchView, HoldView, InspectionView, OfferState, OfferView, Reader

MAX_PAGE = 1000


class BatchQueries(Queries):
    """Queries about batches."""

    def batch(self, batch_id: BatchId) -> BatchView | None:
        """Return a batch by its identifier on the chain."""
        return first(self._batches(select(BatchRow).where(BatchRow.id == batch_id)))

    def noticed(self, batches: Sequence[BatchId]) -> set[BatchId]:
        """Return those of the batches whose producer was notified that an input is recalled."""
        found: set[BatchId] = set()
        for chunk in chunks(batches):
            found |= {BatchId(row.batch) for row in self._rows(select(NoticeRow).where(NoticeRow.batch.in_(chunk)))}
        return found

    def batch_by_key(self, key: BatchKey) -> BatchView | None:
        """Return a batch by GTIN and lot."""
        return self.batch(key.batch_id)

    def registered_batch(self, key: BatchKey) -> BatchView:
        """Return a batch by GTIN and lot. Raises `NotFound`."""
        batch = self.batch_by_key(key)
        if batch is None:
            raise NotFound(f"no batch {key.gtin}/{key.lot} is registered on this chain", field="lot")
        return batch

    def batches(
        self,
        producer: int | None = None,
        custodian: int | None = None,
        gtin: Gtin | None = None,
        state: BatchState | None = None,
        *,
        recalled: bool | None = None,
        reader: Reader | None = None,
        limit: int = 50,
        after: int | None = None,
    ) -> tuple[BatchView, ...]:
        """Return the batches that meet all conditions, newest registration first: at most `limit`, and at most 1,000.

        `reader` restricts the result to the batches that it may list. For the next page, pass the last batch's
        `cursor` as `after`.
        """
        statement = select(BatchRow)
        if reader is not None:
            statement = statement.where(_listed_for(reader))
        for column, value in (
            (BatchRow.producer, producer),
            (BatchRow.custodian, custodian),
            (BatchRow.gtin, None if gtin is None else int(gtin)),
            (BatchRow.state, state),
            (BatchRow.recalled, recalled),
        ):
            if value is not None:
                statement = statement.where(column == value)
        if after is not None:
            statement = statement.where(BatchRow.position < max(0, min(after, MAX_INTEGER)))
        return self._batches(statement.order_by(BatchRow.position.desc()).limit(min(limit, MAX_PAGE)))

    def batches_by_id(self, batch_ids: Sequence[BatchId]) -> dict[BatchId, BatchView]:
        """Return many batches; unknown identifiers are left out."""
        batches: dict[BatchId, BatchView] = {}
        for chunk in chunks(list(dict.fromkeys(batch_ids))):
            batches |= {view.batch_id: view for view in self._batches(select(BatchRow).where(BatchRow.id.in_(chunk)))}
        return batches

    def first_producer(self, gtin: Gtin) -> int | None:
        """Return the organisation that registered the first batch of a product."""
        statement = select(BatchRow.producer).where(BatchRow.gtin == int(gtin)).order_by(BatchRow.position).limit(1)
        return first(tuple(row.producer for row in self._rows(statement)))

    def lines_of(self, batch_ids: Sequence[BatchId]) -> dict[BatchId, tuple[int, Gtin]]:
        """Return the producer and the product of many batches; unknown identifiers are left out."""
        lines = {}
        for chunk in chunks(list(dict.fromkeys(batch_ids))):
            for row in self._rows(select(BatchRow.id, BatchRow.producer, BatchRow.gtin).where(BatchRow.id.in_(chunk))):
                lines[BatchId(row.id)] = row.producer, Gtin.from_number(row.gtin)
        return lines

    def count_batches(self, *, recalled: bool | None = None, reader: Reader | None = None) -> dict[BatchState, int]:
        """Return the number of batches by state, as `batches` selects them; states without batches are left out."""
        statement = select(BatchRow.state, func.count()).group_by(BatchRow.state).order_by(BatchRow.state)
        if recalled is not None:
            statement = statement.where(BatchRow.recalled == recalled)
        if reader is not None:
            statement = statement.where(_listed_for(reader))
        return {BatchState(state): count for state, count in self._rows(statement)}

    def inputs_of(self, batch_id: BatchId) -> tuple[Input, ...]:
        """Return the batches that a batch is made of, in the order of its registration."""
        return self.inputs_by_batch([batch_id])[batch_id]

    def inputs_by_batch(self, batch_ids: Sequence[BatchId]) -> dict[BatchId, tuple[Input, ...]]:
        """Return the inputs of many batches, as `inputs_of`."""
        inputs: dict[BatchId, list[Input]] = {batch_id: [] for batch_id in batch_ids}
        for chunk in chunks(list(inputs)):
            statement = (
                select(BatchInputRow.batch, BatchInputRow.input, BatchInputRow.quantity)
                .where(BatchInputRow.batch.in_(chunk))
                .order_by(BatchInputRow.position, BatchInputRow.number)
            )
            for row in self._rows(statement):
                inputs[BatchId(row.batch)].append(Input(BatchId(row.input), row.quantity))
        return {batch_id: tuple(used) for batch_id, used in inputs.items()}

    def used_in(self, batch_id: BatchId) -> tuple[BatchId, ...]:
        """Return the batches made of a batch, in the order of their registration."""
        statement = (
            select(BatchInputRow.batch, BatchRow.position)
            .join(BatchRow, BatchRow.id == BatchInputRow.batch)
            .where(BatchInputRow.input == batch_id)
            .distinct()
            .order_by(BatchRow.position)
        )
        return tuple(BatchId(row.batch) for row in self._rows(statement))

    def inspections(self, batch_id: BatchId) -> tuple[InspectionView, ...]:
        """Return all verdicts, superseded ones included, in the order they were recorded."""
        return self._inspections(select(InspectionRow).where(InspectionRow.batch == batch_id))

    def inspections_between(self, producer: int, from_s: int, to_s: int, limit: int) -> tuple[InspectionView, ...]:
        """Return verdicts about batches of `producer` that were given from `from_s` to before `to_s` (Unix seconds).

        Return at most the newest `limit`, oldest first. `superseded` compares the returned verdicts only.
        """
        newest = (
            select(InspectionRow.position)
            .join(BatchRow, BatchRow.id == InspectionRow.batch)
            .where(
                BatchRow.producer == producer, InspectionRow.inspected_at >= from_s, InspectionRow.inspected_at < to_s
            )
            .order_by(InspectionRow.inspected_at.desc())
            .limit(limit)
        )
        return self._inspections(select(InspectionRow).where(InspectionRow.position.in_(newest)))

    def _inspections(self, statement: Statement) -> tuple[InspectionView, ...]:
        rows, refs = self._rows_with_refs(statement.order_by(InspectionRow.position), "position")
        latest: dict[tuple[bytes, int], int] = {}
        for row in rows:
            stage = (row.batch, row.stage)
            latest[stage] = max(row.revision, latest.get(stage, 0))
        return tuple(
            InspectionView(
                batch_id=BatchId(row.batch),
                stage=Stage(row.stage),
                verdict=Verdict(row.verdict),
                revision=row.revision,
                superseded=row.revision < latest[row.batch, row.stage],
                sample_size=row.sample_size,
                defects=row.defects,
                instrument=row.instrument,
                evidence=row.evidence,
                inspected_at=row.inspected_at,
                inspector=checksummed(row.inspector),
                organisation=row.organisation,
                recorded=refs[row.position],
            )
            for row in rows
        )

    def offers(self, batch_id: BatchId) -> tuple[OfferView, ...]:
        """Return all offers of a batch, oldest first."""
        return self._offers(select(OfferRow).where(OfferRow.batch == batch_id).order_by(OfferRow.position))

    def offers_to(self, organisation: int, state: OfferState | None = OfferState.OPEN) -> tuple[OfferView, ...]:
        """Return the offers to an organisation, newest first; with `state` None, in every state."""
        statement = select(OfferRow).where(OfferRow.to_organisation == organisation)
        if state is not None:
            statement = statement.where(OfferRow.state == state.value)
        return self._offers(statement.order_by(OfferRow.position.desc()))

    def _offers(self, statement: Statement) -> tuple[OfferView, ...]:
        rows, refs = self._rows_with_refs(statement, "position", "closed")
        return tuple(
            OfferView(
                batch_id=BatchId(row.batch),
                from_organisation=row.from_organisation,
                to_organisation=row.to_organisation,
                offered_by=checksummed(row.offered_by),
                valid_until=row.valid_until,
                state=OfferState(row.state),
                closed_by=None if row.closed_by is None else checksummed(row.closed_by),
                reason=row.reason,
                offered=refs[row.position],
                closed=None if row.closed is None else refs[row.closed],
            )
            for row in rows
        )

    def _batches(self, statement: Statement) -> tuple[BatchView, ...]:
        rows, refs = self._rows_with_refs(statement, "position", "changed")
        return tuple(
            BatchView(
                batch_id=BatchId(row.id),
                gtin=Gtin.from_number(row.gtin),
                lot=Lot(row.lot),
                producer=row.producer,
                custodian=row.custodian,
                state=BatchState(row.state),
                holds=tuple(
                    HoldView(HoldKind(int(kind)), reason)
                    for kind, reason in sorted(json.loads(row.hold_reasons).items())
                ),
                recalled=row.recalled,
                recall_cause=None if row.recall_cause is None else BatchId(row.recall_cause),
                recall_reason=row.recall_reason,
                quantity=row.quantity,
                standard=row.standard,
                defective=row.defective,
                scrap=row.scrap,
                channels=frozenset(channel for channel in SalesChannel if row.channels >> channel & 1),
                first_verdict=Verdict(row.first_verdict),
                final_verdict=Verdict(row.final_verdict),
                first_revision=row.first_revision,
                final_revision=row.final_revision,
                serial_root=none_if_zero(row.serial_root),
                content_digest=row.content_digest,
                route=none_if_zero(row.route),
                cursor=row.position,
                registered=refs[row.position],
                changed=refs[row.changed],
            )
            for row in rows
        )


def _listed_for(reader: Reader) -> ColumnElement[bool]:
    """Return the condition of the batches that a reader may list: made or held by it, or of a line granted to it."""
    until = type_coerce(GrantRow.valid_until, BigInteger)  # stored as a signed number: from 2^63 on, it is negative
    granted = exists().where(
        GrantRow.reader == reader.organisation,
        GrantRow.owner == BatchRow.producer,
        GrantRow.gtin.in_((BatchRow.gtin, 0)),
        GrantRow.scopes.bitwise_and(int(Scope.PRODUCT)) != 0,
        or_(until < 0, until >= reader.unix_s),
    )
    return or_(BatchRow.producer == reader.organisation, BatchRow.custodian == reader.organisation, granted)
