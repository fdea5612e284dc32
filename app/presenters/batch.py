"""Everything that a page or the JSON API shows about one batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from app.links import results_path
from app.presenters.consensus import RoundDecision, round_decision
from app.presenters.disposition import DispositionPresenter, present_disposition
from app.presenters.documents import CheckedDocument, check_document, not_published
from app.presenters.inspection import InspectionPresenter
from app.presenters.organisations import OrganisationSummary, ResponsibleOrganisation, organisation_summary
from app.presenters.reading_window import ReadingsSource, present_window
from app.presenters.route import RoutePresenter, RouteState, present_route
from app.presenters.status import BatchStatus, ProgressStage, batch_progress, batch_status
from app.presenters.timeline import ROUTE_EVENTS, OrganisationLookup, TimelineEntry, batch_timeline
from app.presenters.units import UnitPresenter, present_unit
from app.store.dispositions import Dispositions
from chromatrace.documents.content import BatchContent, InspectionEvidence, SuppliedMaterial
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.identifiers import BatchKey, Gtin, Serial
from chromatrace.domain.rights import BatchState, Scope, Stage, scope_of_event
from chromatrace.index import Snapshot
from chromatrace.index.views import BatchView, EventView, HeadView, InspectionView

VisibleScopes = Callable[[int, Gtin], Scope]
"""The scopes of an organisation's product line that the reader may see."""


@dataclass(frozen=True, slots=True)
class InputBatch:
    """A batch that another one is made of, and the organisation that registered it."""

    view: BatchView
    producer: OrganisationSummary

    def as_dict(self) -> dict[str, object]:
        """Return the members that the JSON API publishes."""
        return {"gtin": str(self.view.gtin), "lot": str(self.view.lot), "producer": self.producer.as_dict()}


@dataclass(frozen=True, slots=True)
class BatchPresenter:
    """One batch, or one unit of it, as of block `head.indexed_block`, in the scopes that its reader may see.

    `inspections` has the inspections in force, first stage first; `superseded` has the earlier revisions. Without the
    scope product, `content` is not published and `input_batches` is empty; without logistics, `custodian` is None;
    without quality there are no inspections; without process there is no route and no reading window; without
    documents, `materials` is empty. Producer, status, holds, recalls and the check of the serial are always shown.
    """

    view: BatchView
    scopes: Scope
    status: BatchStatus
    progress: tuple[ProgressStage, ...]
    content: CheckedDocument[BatchContent]
    inspections: tuple[InspectionPresenter, ...]
    superseded: tuple[InspectionPresenter, ...]
    route: RoutePresenter | None
    timeline: tuple[TimelineEntry, ...]
    producer: OrganisationSummary
    custodian: OrganisationSummary | None
    responsible_organisations: tuple[ResponsibleOrganisation, ...]
    input_batches: tuple[InputBatch, ...]
    unit: UnitPresenter | None
    head: HeadView
    disposition: DispositionPresenter | None = None

    @property
    def key(self) -> BatchKey:
        """GTIN and lot."""
        return self.view.key

    @property
    def name(self) -> str:
        """The product name, or the lot if the document cannot be read."""
        return self.content.value.product.name if self.content.value else f"Batch {self.view.lot}"

    @property
    def withheld(self) -> tuple[str, ...]:
        """The names of the scopes that the reader may not see."""
        return tuple(scope.name.lower() for scope in Scope if scope not in self.scopes and scope.name)

    @property
    def materials(self) -> tuple[SuppliedMaterial, ...]:
        """The suppliers' materials named in the document."""
        return self.content.value.materials if self.content.value and Scope.DOCUMENTS in self.scopes else ()

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
        if Scope.QUALITY not in self.scopes or view.state not in (
            BatchState.GRADED,
            BatchState.RELEASED,
            BatchState.SCRAPPED,
        ):
            return None
        return f"{view.standard:,} standard, {view.defective:,} defective, {view.scrap:,} scrap"

    @property
    def grade(self) -> str | None:
        """The grade of the unit; None for a batch, or if it is not known for each unit."""
        if self.unit is None or self.unit.invalid or self.disposition is None:
            return None
        return self.disposition.grade_of(self.unit.serial)

    def as_dict(self) -> dict[str, object]:
        """Return the members that the JSON API publishes."""
        view, content = self.view, self.content.value
        product, graded = Scope.PRODUCT in self.scopes, Scope.QUALITY in self.scopes
        return {
            "gtin": str(view.gtin),
            "lot": str(view.lot),
            "batch_id": f"0x{view.batch_id.hex()}",
            **self.status.as_dict(),
            "state": view.state.name.lower(),
            "on_hold": view.on_hold,
            "recalled": view.recalled,
            "released_to": sorted(channel.name.lower() for channel in view.channels),
            "scopes": [scope.name.lower() for scope in Scope if scope in self.scopes and scope.name],
            "quantity": view.quantity if product else None,
            "standard": view.standard if graded else None,
            "defective": view.defective if graded else None,
            "scrap": view.scrap if graded else None,
            "product": content and {"name": content.product.name, "description": content.product.description},
            "made_at": content.made_at if content else None,
            "design": content.design.as_json() if content and content.design else None,
            "materials": [
                {"name": material.name, "supplier": material.supplier, "supplier_lot": material.supplier_lot}
                for material in self.materials
            ],
            "document": self.content.as_dict(),
            "serial_root": view.serial_root and f"0x{view.serial_root.hex()}",
            "disposition": self.disposition and self.disposition.as_dict(),
            "grade": self.grade,
            "unit": self.unit.as_dict() if self.unit else None,
            "producer": self.producer.as_dict(),
            "custodian": self.custodian and self.custodian.as_dict(),
            "responsible_organisations": [responsible.as_dict() for responsible in self.responsible_organisations],
            "made_of": [batch.as_dict() for batch in self.input_batches],
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
        dispositions: Dispositions | None = None,
    ) -> None:
        self.documents = documents
        self.dispositions = dispositions
        self._readings = readings
        self._plot_tags = plot_tags

    def load(
        self, snapshot: Snapshot, key: BatchKey, serial: Serial | None, now: int, visible: VisibleScopes
    ) -> BatchPresenter | None:
        """Load a batch or, with `serial`, one unit of it, in the scopes that `visible` returns for its product line.

        Return None if the batch is not registered.
        """
        view = snapshot.batch_by_key(key)
        return self._present(snapshot, view, serial, now, visible) if view else None

    def content(self, view: BatchView) -> CheckedDocument[BatchContent]:
        """Check the batch's content document against its digest on the chain."""
        return check_document(
            self.documents, view.content_digest, BatchContent.from_bytes, lambda content: content.key == view.key
        )

    def evidence(self, batch: BatchView, inspection: InspectionView) -> CheckedDocument[InspectionEvidence]:
        """Check the evidence of an inspection of the batch against its digest on the chain."""
        return check_document(
            self.documents,
            inspection.evidence,
            InspectionEvidence.from_bytes,
            lambda evidence: evidence.key == batch.key and evidence.stage is inspection.stage,
        )

    def _present(
        self, snapshot: Snapshot, view: BatchView, serial: Serial | None, now: int, visible: VisibleScopes
    ) -> BatchPresenter:
        scopes = visible(view.producer, view.gtin)

        @cache
        def lookup(number: int) -> OrganisationSummary:
            return organisation_summary(number, snapshot.organisation(number), now)

        content = self.content(view)
        inspections = self._inspections(snapshot, view, lookup, now, scopes) if Scope.QUALITY in scopes else []
        in_force = sorted((item for item in inspections if not item.view.superseded), key=lambda item: item.view.stage)
        anchors = {
            item.window.anchor.anchored.tx_hash: (item.window.anchor, item.window.owner)
            for item in in_force
            if item.window and item.window.anchor and item.window.owner
        }
        route = present_route(snapshot, view, lookup) if Scope.PROCESS in scopes else None
        events = [event for event in snapshot.timeline(view.batch_id) if scope_of_event(event.name) in scopes]
        custodian = lookup(view.custodian) if Scope.LOGISTICS in scopes else None
        return BatchPresenter(
            view=view,
            scopes=scopes,
            status=batch_status(view),
            progress=batch_progress(view),
            content=content if Scope.PRODUCT in scopes else not_published(content),
            inspections=tuple(in_force),
            superseded=tuple(item for item in inspections if item.view.superseded),
            route=route,
            timeline=batch_timeline(
                events,
                anchors.values(),
                lookup,
                route.view if route else None,
                _designers(snapshot, view, events),
                view.producer,
            ),
            producer=lookup(view.producer),
            custodian=custodian,
            responsible_organisations=_responsible(lookup(view.producer), custodian, in_force, route),
            input_batches=_inputs(snapshot, view, lookup, visible) if Scope.PRODUCT in scopes else (),
            unit=present_unit(serial, view.serial_root, content) if serial else None,
            head=snapshot.head(),
            disposition=self._disposition(view) if Scope.QUALITY in scopes else None,
        )

    def _disposition(self, view: BatchView) -> DispositionPresenter | None:
        if self.dispositions is None or not (view.standard or view.defective or view.scrap):
            return None
        return present_disposition(self.dispositions.of_batch(view.batch_id), view)

    def _inspections(
        self, snapshot: Snapshot, view: BatchView, lookup: OrganisationLookup, now: int, scopes: Scope
    ) -> list[InspectionPresenter]:
        decision_of = self._decisions(snapshot, view)
        return [
            self._inspection(snapshot, inspection, view, lookup, now, decision_of, scopes)
            for inspection in snapshot.inspections(view.batch_id)
        ]

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
        scopes: Scope,
    ) -> InspectionPresenter:
        document = self.evidence(batch, view)
        readings = document.value.readings if document.value and Scope.PROCESS in scopes else None
        window = present_window(readings, snapshot, self._readings, self._plot_tags, now) if readings else None
        served = Scope.DOCUMENTS in scopes and not view.superseded
        return InspectionPresenter(
            view,
            lookup(view.organisation),
            document,
            window,
            decision_of(view.recorded.tx_hash),
            results_path(batch.key, view.stage.name.lower()) if served else None,
        )


def _designers(snapshot: Snapshot, view: BatchView, events: Iterable[EventView]) -> dict[bytes, int]:
    """Return the organisations of the routes, other than the batch's own, that events are about."""
    routes = {event.args["route"] for event in events if event.name in ROUTE_EVENTS} - {view.route}
    designs = [design for route in routes if isinstance(route, bytes) and (design := snapshot.route(route))]
    return {design.id: design.organisation for design in designs}


def _inputs(
    snapshot: Snapshot, view: BatchView, lookup: OrganisationLookup, visible: VisibleScopes
) -> tuple[InputBatch, ...]:
    """Return the inputs whose own product line the reader may see."""
    inputs = snapshot.batches_by_id([batch_input.batch for batch_input in snapshot.inputs_of(view.batch_id)])
    return tuple(
        InputBatch(batch, lookup(batch.producer))
        for batch in inputs.values()
        if Scope.PRODUCT in visible(batch.producer, batch.gtin)
    )


def _responsible(
    producer: OrganisationSummary,
    custodian: OrganisationSummary | None,
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
    if custodian:
        duties.setdefault(custodian, []).append("Holds the batch now")
    return tuple(ResponsibleOrganisation(organisation, tuple(texts)) for organisation, texts in duties.items())
