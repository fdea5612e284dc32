"""Everything that the portal says about one batch, gathered from index, documents and readings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from app.facts.consensus import Decision, decision_of
from app.facts.documents import CheckedDocument, check_document
from app.facts.inspection import InspectionFacts
from app.facts.parties import Party, Voucher, party_of
from app.facts.route import RouteFacts, RouteState, route_facts
from app.facts.status import Status, Stop, status_of, stops_of
from app.facts.timeline import Step, steps_of
from app.facts.units import UnitFacts, unit_facts
from app.facts.window import ReadingsSource, window_facts
from chromatrace.documents.content import BatchContent, InspectionEvidence
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.identifiers import BatchKey, Serial
from chromatrace.domain.rights import BatchState, Stage
from chromatrace.index import Snapshot
from chromatrace.index.views import BatchView, HeadView, InspectionView


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """One batch, or one unit of it, as of block `head.indexed_block`."""

    view: BatchView
    status: Status
    stops: tuple[Stop, ...]
    content: CheckedDocument[BatchContent]
    inspections: tuple[InspectionFacts, ...]
    """Those in force, first before final."""
    superseded: tuple[InspectionFacts, ...]
    route: RouteFacts | None
    steps: tuple[Step, ...]
    producer: Party
    custodian: Party
    vouchers: tuple[Voucher, ...]
    made_of: tuple[BatchView, ...]
    unit: UnitFacts | None
    head: HeadView

    @property
    def key(self) -> BatchKey:
        return self.view.key

    @property
    def name(self) -> str:
        """What to call it: its product where the document can be read."""
        return self.content.value.product.name if self.content.value else f"Batch {self.view.lot}"

    @property
    def broken(self) -> bool:
        """Whether anything stored here contradicts the chain."""
        return self.content.contradicts or any(
            item.document.contradicts or (item.window is not None and item.window.contradicts)
            for item in self.inspections
        )

    def shown_before(self, item: InspectionFacts) -> InspectionFacts | None:
        """An inspection before `item` that rests on the same readings."""
        for earlier in self.inspections:
            if earlier is item:
                break
            if item.window and earlier.window and earlier.window.window == item.window.window:
                return earlier
        return None

    @property
    def sorted_words(self) -> str | None:
        """How the batch was graded; None before."""
        view = self.view
        if view.state not in (BatchState.GRADED, BatchState.RELEASED, BatchState.SCRAPPED):
            return None
        return f"{view.standard:,} first quality, {view.defective:,} second quality, {view.scrap:,} scrap"

    def as_dict(self) -> dict[str, object]:
        """The same facts for machines."""
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
                {"name": item.name, "supplier": item.supplier, "supplier_lot": item.supplier_lot}
                for item in (content.materials if content else ())
            ],
            "document": self.content.as_dict(),
            "serial_root": view.serial_root and f"0x{view.serial_root.hex()}",
            "unit": self.unit.as_dict() if self.unit else None,
            "producer": self.producer.as_dict(),
            "custodian": self.custodian.as_dict(),
            "vouchers": [voucher.as_dict() for voucher in self.vouchers],
            "made_of": [{"gtin": str(item.gtin), "lot": str(item.lot)} for item in self.made_of],
            "inspections": [item.as_dict() for item in (*self.inspections, *self.superseded)],
            "route": self.route.as_dict() if self.route else None,
            "timeline": [step.as_dict() for step in self.steps],
            "as_of": {
                "chain_id": self.head.chain_id,
                "block_number": self.head.indexed_block,
                "block_time": self.head.indexed_time,
                "lag_blocks": self.head.lag_blocks,
            },
        }


class BatchReader:
    """Gathers facts. Holds no state of its own."""

    def __init__(
        self,
        documents: DocumentStore,
        readings: ReadingsSource | None = None,
        plot_tags: tuple[str, ...] = (),
    ) -> None:
        self.documents = documents
        self._readings = readings
        self._plot_tags = plot_tags

    def facts(self, snapshot: Snapshot, key: BatchKey, serial: Serial | None, now: int) -> BatchFacts | None:
        """The facts of a batch or, with `serial`, of one unit of it; None where no such batch is registered."""
        view = snapshot.batch_by_key(key)
        return self._facts(snapshot, view, serial, now) if view else None

    def content(self, view: BatchView) -> CheckedDocument[BatchContent]:
        """The batch's content document against its digest on the chain."""
        return check_document(
            self.documents, view.content_digest, BatchContent.from_bytes, lambda content: content.key == view.key
        )

    def _facts(self, snapshot: Snapshot, view: BatchView, serial: Serial | None, now: int) -> BatchFacts:
        @cache
        def name(number: int) -> Party:
            return party_of(number, snapshot.organisation(number), now)

        content = self.content(view)
        decided = self._decisions(snapshot, view)
        every = [
            self._inspection(snapshot, item, view, name, now, decided) for item in snapshot.inspections(view.batch_id)
        ]
        valid = sorted((item for item in every if not item.view.superseded), key=lambda item: item.view.stage)
        anchors = {
            item.window.anchor.anchored.tx_hash: (item.window.anchor, item.window.owner)
            for item in valid
            if item.window and item.window.anchor and item.window.owner
        }
        route = route_facts(snapshot, view, name)
        made_of = snapshot.batches_by_id([used.batch for used in snapshot.inputs_of(view.batch_id)])
        return BatchFacts(
            view=view,
            status=status_of(view),
            stops=stops_of(view),
            content=content,
            inspections=tuple(valid),
            superseded=tuple(item for item in every if item.view.superseded),
            route=route,
            steps=steps_of(snapshot.timeline(view.batch_id), anchors.values(), name, route.view if route else None),
            producer=name(view.producer),
            custodian=name(view.custodian),
            vouchers=_vouchers(name(view.producer), name(view.custodian), valid, route),
            made_of=tuple(made_of.values()),
            unit=unit_facts(serial, view.serial_root, content) if serial else None,
            head=snapshot.head(),
        )

    @staticmethod
    def _decisions(snapshot: Snapshot, batch: BatchView) -> Callable[[bytes], Decision | None]:
        """The round, if any, that gave the verdict of a transaction."""
        rounds = snapshot.rounds_about(batch.batch_id)
        states = {panel.panel: panel.states for panel in snapshot.panels()} if rounds else {}
        return lambda tx_hash: decision_of(rounds, tx_hash, states)

    def _inspection(
        self,
        snapshot: Snapshot,
        view: InspectionView,
        batch: BatchView,
        name: Callable[[int], Party],
        now: int,
        decided: Callable[[bytes], Decision | None],
    ) -> InspectionFacts:
        document = check_document(
            self.documents,
            view.evidence,
            InspectionEvidence.from_bytes,
            lambda evidence: evidence.key == batch.key and evidence.stage is view.stage,
        )
        window = document.value.readings if document.value else None
        found = window_facts(window, snapshot, self._readings, self._plot_tags, now) if window else None
        return InspectionFacts(view, name(view.organisation), document, found, decided(view.recorded.tx_hash))


def _vouchers(
    producer: Party, custodian: Party, inspections: Iterable[InspectionFacts], route: RouteFacts | None
) -> tuple[Voucher, ...]:
    """Who answers for what, each organisation once."""
    answers: dict[Party, list[str]] = {producer: ["Made and registered it"]}
    for inspection in inspections:
        stage = "first" if inspection.view.stage is Stage.FIRST else "final"
        answers.setdefault(inspection.organisation, []).append(f"Signed the {stage} inspection")
        if inspection.window and inspection.window.owner:
            said = answers.setdefault(inspection.window.owner, [])
            if "Fixed the machine readings on the chain" not in said:
                said.append("Fixed the machine readings on the chain")
    if route and route.state is RouteState.PROVEN:
        for owner in dict.fromkeys(station.organisation for station in route.stations):
            answers.setdefault(owner, []).append("Signed the steps of its route")
    answers.setdefault(custodian, []).append("Holds it now")
    return tuple(Voucher(party, tuple(said)) for party, said in answers.items())
