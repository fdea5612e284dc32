"""Everything that a page or the JSON API shows about one batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from app.presenters.consensus import RoundDecision, round_decision
from app.presenters.documents import CheckedDocument, check_document
from app.presenters.inspection import InspectionPresenter
from app.presenters.organisations import OrganisationSummary, ResponsibleOrganisation, organisation_summary
from app.presenters.reading_window import ReadingsSource, present_window
from app.presenters.route import RoutePresenter, RouteState, present_route
from app.presenters.status import BatchStatus, ProgressStage, batch_progress, batch_status
from app.presenters.timeline import OrganisationLookup, TimelineEntry, batch_timeline
from app.presenters.units import UnitPresenter, present_unit
from chromatrace.documents.content import BatchContent, InspectionEvidence
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.identifiers import BatchKey, Serial
from chromatrace.domain.rights import BatchState, Stage
from chromatrace.index import Snapshot
from chromatrace.index.views import BatchView, HeadView, InspectionView


@dataclass(frozen=True, slots=True)
class BatchPresenter:
    """One batch, or one unit of it, as of block `head.indexed_block`.

    `inspections` has the inspections in force, first stage first; `superseded` has the earlier revisions.
    """

    view: BatchView
    status: BatchStatus
    progress: tuple[ProgressStage, ...]
    content: CheckedDocument[BatchContent]
    inspections: tuple[InspectionPresenter, ...]
    superseded: tuple[InspectionPresenter, ...]
    route: RoutePresenter | None
    timeline: tuple[TimelineEntry, ...]
    producer: OrganisationSummary
    custodian: OrganisationSummary
    responsible_organisations: tuple[ResponsibleOrganisation, ...]
    input_batches: tuple[BatchView, ...]
    unit: UnitPresenter | None
    head: HeadView

    @property
    def key(self) -> BatchKey:
        """GTIN and lot."""
        return self.view.key

    @property
    def name(self) -> str:
        """The product name, or the lot if the document cannot be read."""
        return self.content.value.product.name if self.content.value else f"Batch {self.view.lot}"

    @property
    def has_mismatch(self) -> bool:
        """Whether a stored document or reading differs from the chain."""
        return self.content.mismatched or any(
            inspection.document.mismatched or (inspection.window is not None and inspection.window.mismatched)
            for inspection in self.inspections
        )

    def inspection_with_same_readings(self, inspection: InspectionPresenter) -> InspectionPresenter | None:
        """Return an earlier inspection that is based on the same readings."""
        for earlier in self.inspections:
            if earlier is inspection:
                break
            if inspection.window and earlier.window and earlier.window.window == inspection.window.window:
                return earlier
        return None

    @property
    def grading_text(self) -> str | None:
        """The result of grading; None before."""
        view = self.view
        if view.state not in (BatchState.GRADED, BatchState.RELEASED, BatchState.SCRAPPED):
            return None
        return f"{view.standard:,} standard, {view.defective:,} defective, {view.scrap:,} scrap"

    def as_dict(self) -> dict[str, object]:
        """Return the members that the JSON API publishes."""
        view, content = self.view, self.content.value
        return {
            "gtin": str(view.gtin),
            "lot": str(view.lot),
            "batch_id": f"0x{view.batch_id.hex()}",
            **self.status.as_dict(),
            "state": view.state.name.lower(),
            "on_hold": view.on_hold,
            "recalled": view.recalled,
            "released_to": sorted(channel.name.lower() for channel in view.channels),
            "quantity": view.quantity,
            "standard": view.standard,
            "defective": view.defective,
            "scrap": view.scrap,
            "product": content and {"name": content.product.name, "description": content.product.description},
            "made_at": content.made_at if content else None,
            "materials": [
                {"name": material.name, "supplier": material.supplier, "supplier_lot": material.supplier_lot}
                for material in (content.materials if content else ())
            ],
            "document": self.content.as_dict(),
            "serial_root": view.serial_root and f"0x{view.serial_root.hex()}",
            "unit": self.unit.as_dict() if self.unit else None,
            "producer": self.producer.as_dict(),
            "custodian": self.custodian.as_dict(),
            "responsible_organisations": [responsible.as_dict() for responsible in self.responsible_organisations],
            "made_of": [{"gtin": str(batch.gtin), "lot": str(batch.lot)} for batch in self.input_batches],
            "inspections": [inspection.as_dict() for inspection in (*self.inspections, *self.superseded)],
            "route": self.route.as_dict() if self.route else None,
            "timeline": [entry.as_dict() for entry in self.timeline],
            "as_of": {
                "chain_id": self.head.chain_id,
                "block_number": self.head.indexed_block,
                "block_time": self.head.indexed_time,
                "lag_blocks": self.head.lag_blocks,
            },
        }


class BatchLoader:
    """Loads batches from an index snapshot and the documents. Stateless."""

    def __init__(
        self,
        documents: DocumentStore,
        readings: ReadingsSource | None = None,
        plot_tags: tuple[str, ...] = (),
    ) -> None:
        self.documents = documents
        self._readings = readings
        self._plot_tags = plot_tags

    def load(self, snapshot: Snapshot, key: BatchKey, serial: Serial | None, now: int) -> BatchPresenter | None:
        """Load a batch or, with `serial`, one unit of it. Return None if the batch is not registered."""
        view = snapshot.batch_by_key(key)
        return self._present(snapshot, view, serial, now) if view else None

    def content(self, view: BatchView) -> CheckedDocument[BatchContent]:
        """Check the batch's content document against its digest on the chain."""
        return check_document(
            self.documents, view.content_digest, BatchContent.from_bytes, lambda content: content.key == view.key
        )

    def _present(self, snapshot: Snapshot, view: BatchView, serial: Serial | None, now: int) -> BatchPresenter:
        @cache
        def lookup(number: int) -> OrganisationSummary:
            return organisation_summary(number, snapshot.organisation(number), now)

        content = self.content(view)
        decision_of = self._decisions(snapshot, view)
        inspections = [
            self._inspection(snapshot, inspection, view, lookup, now, decision_of)
            for inspection in snapshot.inspections(view.batch_id)
        ]
        in_force = sorted((item for item in inspections if not item.view.superseded), key=lambda item: item.view.stage)
        anchors = {
            item.window.anchor.anchored.tx_hash: (item.window.anchor, item.window.owner)
            for item in in_force
            if item.window and item.window.anchor and item.window.owner
        }
        route = present_route(snapshot, view, lookup)
        inputs = snapshot.batches_by_id([batch_input.batch for batch_input in snapshot.inputs_of(view.batch_id)])
        events = snapshot.timeline(view.batch_id)
        return BatchPresenter(
            view=view,
            status=batch_status(view),
            progress=batch_progress(view),
            content=content,
            inspections=tuple(in_force),
            superseded=tuple(item for item in inspections if item.view.superseded),
            route=route,
            timeline=batch_timeline(events, anchors.values(), lookup, route.view if route else None),
            producer=lookup(view.producer),
            custodian=lookup(view.custodian),
            responsible_organisations=_responsible(lookup(view.producer), lookup(view.custodian), in_force, route),
            input_batches=tuple(inputs.values()),
            unit=present_unit(serial, view.serial_root, content) if serial else None,
            head=snapshot.head(),
        )

    @staticmethod
    def _decisions(snapshot: Snapshot, batch: BatchView) -> Callable[[bytes], RoundDecision | None]:
        """Return a function from a transaction to the round that gave its verdict."""
        rounds = snapshot.rounds_about(batch.batch_id)
        states = {panel.panel: panel.states for panel in snapshot.panels()} if rounds else {}
        return lambda tx_hash: round_decision(rounds, tx_hash, states)

    def _inspection(
        self,
        snapshot: Snapshot,
        view: InspectionView,
        batch: BatchView,
        lookup: OrganisationLookup,
        now: int,
        decision_of: Callable[[bytes], RoundDecision | None],
    ) -> InspectionPresenter:
        document = check_document(
            self.documents,
            view.evidence,
            InspectionEvidence.from_bytes,
            lambda evidence: evidence.key == batch.key and evidence.stage is view.stage,
        )
        readings = document.value.readings if document.value else None
        window = present_window(readings, snapshot, self._readings, self._plot_tags, now) if readings else None
        return InspectionPresenter(
            view, lookup(view.organisation), document, window, decision_of(view.recorded.tx_hash)
        )


def _responsible(
    producer: OrganisationSummary,
    custodian: OrganisationSummary,
    inspections: Iterable[InspectionPresenter],
    route: RoutePresenter | None,
) -> tuple[ResponsibleOrganisation, ...]:
    """Return each organisation once, with everything that it is responsible for."""
    duties: dict[OrganisationSummary, list[str]] = {producer: ["Produced and registered the batch"]}
    for inspection in inspections:
        stage = "first" if inspection.view.stage is Stage.FIRST else "final"
        duties.setdefault(inspection.organisation, []).append(f"Signed the {stage} inspection")
        if inspection.window and inspection.window.owner:
            owner_duties = duties.setdefault(inspection.window.owner, [])
            if "Anchored the machine readings" not in owner_duties:
                owner_duties.append("Anchored the machine readings")
    if route and route.state is RouteState.PROVEN:
        for owner in dict.fromkeys(station.organisation for station in route.stations):
            duties.setdefault(owner, []).append("Signed steps of the route")
    duties.setdefault(custodian, []).append("Holds the batch now")
    return tuple(ResponsibleOrganisation(organisation, tuple(texts)) for organisation, texts in duties.items())
