"""Queries about the relation of an organisation to batches."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import select

from chromatrace.domain.identifiers import BatchId, Gtin
from chromatrace.index.models import BatchRow, InspectionRow, OfferRow
from chromatrace.index.queries.base import Queries, Statement, chunks
from chromatrace.index.views import OfferState


class Relation(StrEnum):
    """The closest relation of an organisation to a product, closest first."""

    PRODUCER = "producer"
    CUSTODIAN = "custodian"
    FORMER_CUSTODIAN = "former_custodian"
    INSPECTOR = "inspector"
    NONE = "none"


class RelationQueries(Queries):
    """Queries about the relation of an organisation to batches."""

    def relations(self, organisation: int, batch_ids: Sequence[BatchId]) -> dict[BatchId, Relation]:
        """Return the relation of an organisation to each of these batches; unregistered batches are left out."""
        relations: dict[BatchId, Relation] = {}
        for chunk in chunks(list(dict.fromkeys(batch_ids))):
            inspected = self._column(
                select(InspectionRow.batch).where(
                    InspectionRow.organisation == organisation, InspectionRow.batch.in_(chunk)
                )
            )
            held = self._column(
                select(OfferRow.batch).where(
                    OfferRow.to_organisation == organisation,
                    OfferRow.state == OfferState.ACCEPTED.value,
                    OfferRow.batch.in_(chunk),
                )
            )
            parties = select(BatchRow.id, BatchRow.producer, BatchRow.custodian).where(BatchRow.id.in_(chunk))
            for row in self._rows(parties):
                if row.producer == organisation:
                    relation = Relation.PRODUCER
                elif row.custodian == organisation:
                    relation = Relation.CUSTODIAN
                elif row.id in held:
                    relation = Relation.FORMER_CUSTODIAN
                else:
                    relation = Relation.INSPECTOR if row.id in inspected else Relation.NONE
                relations[BatchId(row.id)] = relation
        return relations

    def relation_to_product(self, organisation: int, gtin: Gtin) -> Relation | None:
        """Return the closest relation to any lot of a product; None if no lot is registered."""
        of_product = BatchRow.gtin == int(gtin)
        if not self._rows(select(BatchRow.position).where(of_product).limit(1)):
            return None
        held = select(OfferRow.batch).where(
            OfferRow.to_organisation == organisation, OfferRow.state == OfferState.ACCEPTED.value
        )
        inspected = select(InspectionRow.batch).where(InspectionRow.organisation == organisation)
        for relation, condition in (
            (Relation.PRODUCER, BatchRow.producer == organisation),
            (Relation.CUSTODIAN, BatchRow.custodian == organisation),
            (Relation.FORMER_CUSTODIAN, BatchRow.id.in_(held)),
            (Relation.INSPECTOR, BatchRow.id.in_(inspected)),
        ):
            if self._rows(select(BatchRow.position).where(of_product, condition).limit(1)):
                return relation
        return Relation.NONE

    def parties(self, batch_ids: Sequence[BatchId]) -> set[int]:
        """Return the producers and custodians of these batches."""
        parties: set[int] = set()
        for chunk in chunks(list(dict.fromkeys(batch_ids))):
            rows = self._rows(select(BatchRow.producer, BatchRow.custodian).where(BatchRow.id.in_(chunk)).distinct())
            parties.update(organisation for row in rows for organisation in (row.producer, row.custodian))
        return parties

    def _column(self, statement: Statement) -> set[bytes]:
        return {row[0] for row in self._rows(statement)}
