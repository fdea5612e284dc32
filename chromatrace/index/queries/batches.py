"""Batches: their state, life, inspections and offers."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from chromatrace.domain.addresses import checksummed
from chromatrace.domain.genealogy import Input
from chromatrace.domain.identifiers import BatchId, BatchKey, Gtin, Lot
from chromatrace.domain.rights import BatchState, SalesChannel, Stage, Verdict
from chromatrace.index.models import Batch, BatchInput, Inspection, Offer, Policy
from chromatrace.index.queries.base import GREATEST, Rows, Statement, chunks, first, or_none
from chromatrace.index.views import BatchView, InspectionView, OfferState, OfferView, PolicyView

MAX_PAGE = 1000


class BatchQueries(Rows):
    """Questions about batches."""

    def batch(self, batch_id: BatchId) -> BatchView | None:
        """By its identifier on the chain."""
        return first(self._batches(select(Batch).where(Batch.id == batch_id)))

    def batch_by_key(self, key: BatchKey) -> BatchView | None:
        """By GTIN and lot."""
        return self.batch(key.batch_id)

    def batches(
        self,
        producer: int | None = None,
        custodian: int | None = None,
        gtin: Gtin | None = None,
        state: BatchState | None = None,
        *,
        recalled: bool | None = None,
        limit: int = 50,
        after: int | None = None,
    ) -> tuple[BatchView, ...]:
        """Batches that meet all the conditions, newest registration first, at most `limit` (and at most 1,000).

        Go on with the last one's `cursor` as `after`.
        """
        chosen = select(Batch)
        for column, wanted in (
            (Batch.producer, producer),
            (Batch.custodian, custodian),
            (Batch.gtin, None if gtin is None else int(gtin)),
            (Batch.state, state),
            (Batch.recalled, recalled),
        ):
            if wanted is not None:
                chosen = chosen.where(column == wanted)
        if after is not None:
            chosen = chosen.where(Batch.position < max(0, min(after, GREATEST)))
        return self._batches(chosen.order_by(Batch.position.desc()).limit(min(limit, MAX_PAGE)))

    def batches_by_id(self, batch_ids: Sequence[BatchId]) -> dict[BatchId, BatchView]:
        """Many at once; unknown ones are left out."""
        found: dict[BatchId, BatchView] = {}
        for part in chunks(list(dict.fromkeys(batch_ids))):
            found |= {view.batch_id: view for view in self._batches(select(Batch).where(Batch.id.in_(part)))}
        return found

    def count_batches(self) -> dict[BatchState, int]:
        """How many batches there are in each state that has any."""
        statement = select(Batch.state, func.count()).group_by(Batch.state).order_by(Batch.state)
        return {BatchState(state): count for state, count in self.rows(statement)}

    def inputs_of(self, batch_id: BatchId) -> tuple[Input, ...]:
        """The batches that it is made of and how much of each, in the order of its registration."""
        chosen = select(BatchInput.input, BatchInput.quantity).where(BatchInput.batch == batch_id)
        return tuple(Input(BatchId(row.input), row.quantity) for row in self.rows(chosen.order_by(BatchInput.place)))

    def used_in(self, batch_id: BatchId) -> tuple[BatchId, ...]:
        """The batches that are made of it, in the order of their registration."""
        statement = (
            select(BatchInput.batch, Batch.position)
            .join(Batch, Batch.id == BatchInput.batch)
            .where(BatchInput.input == batch_id)
            .distinct()
            .order_by(Batch.position)
        )
        return tuple(BatchId(row.batch) for row in self.rows(statement))

    def inspections(self, batch_id: BatchId) -> tuple[InspectionView, ...]:
        """All verdicts, superseded ones too, in the order they were recorded."""
        chosen = select(Inspection).where(Inspection.batch == batch_id).order_by(Inspection.position)
        found, refs = self._with_refs(chosen, "position")
        latest: dict[int, int] = {}
        for row in found:
            latest[row.stage] = max(row.revision, latest.get(row.stage, 0))
        return tuple(
            InspectionView(
                batch_id=BatchId(row.batch),
                stage=Stage(row.stage),
                verdict=Verdict(row.verdict),
                revision=row.revision,
                superseded=row.revision < latest[row.stage],
                sample_size=row.sample_size,
                defects=row.defects,
                instrument=row.instrument,
                evidence=row.evidence,
                inspected_at=row.inspected_at,
                inspector=checksummed(row.inspector),
                organisation=row.organisation,
                recorded=refs[row.position],
            )
            for row in found
        )

    def policies(self) -> tuple[PolicyView, ...]:
        """The inspection policies that were set, by stage."""
        found, refs = self._with_refs(select(Policy).order_by(Policy.stage), "changed")
        return tuple(
            PolicyView(Stage(row.stage), row.units_per_sample, row.independent, refs[row.changed]) for row in found
        )

    def offer_of(self, batch_id: BatchId) -> OfferView | None:
        """The offer that is open, if any; it may have expired (see `open_at`)."""
        chosen = select(Offer).join(Batch, Batch.open_offer == Offer.position).where(Batch.id == batch_id)
        return first(self._offers(chosen))

    def offers(self, batch_id: BatchId) -> tuple[OfferView, ...]:
        """Every offer of a batch, oldest first."""
        return self._offers(select(Offer).where(Offer.batch == batch_id).order_by(Offer.position))

    def offers_to(self, organisation: int, state: OfferState | None = OfferState.OPEN) -> tuple[OfferView, ...]:
        """Offers to that organisation, newest first; by default the open ones, None: all."""
        chosen = select(Offer).where(Offer.to_organisation == organisation)
        if state is not None:
            chosen = chosen.where(Offer.state == state.value)
        return self._offers(chosen.order_by(Offer.position.desc()))

    def _offers(self, chosen: Statement) -> tuple[OfferView, ...]:
        found, refs = self._with_refs(chosen, "position", "closed")
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
            for row in found
        )

    def _batches(self, chosen: Statement) -> tuple[BatchView, ...]:
        found, refs = self._with_refs(chosen, "position", "changed")
        return tuple(
            BatchView(
                batch_id=BatchId(row.id),
                gtin=Gtin.from_number(row.gtin),
                lot=Lot(row.lot),
                producer=row.producer,
                custodian=row.custodian,
                state=BatchState(row.state),
                on_hold=row.on_hold,
                hold_reason=row.hold_reason,
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
                serial_root=or_none(row.serial_root),
                content_digest=row.content_digest,
                route=or_none(row.route),
                cursor=row.position,
                registered=refs[row.position],
                changed=refs[row.changed],
            )
            for row in found
        )
