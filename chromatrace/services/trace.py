"""Trace a batch, and assess the impact of its recall, with the names of products and holders.

Quantities are in units. The chain records how many units of an input were used, not which ones. Therefore a recall
affects every unit of every batch made of the recalled one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chromatrace.documents.content import BatchContent, SuppliedMaterial
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import ChromaTraceError
from chromatrace.domain.rights import ALL_SCOPES, Scope
from chromatrace.index import Snapshot
from chromatrace.index.queries.trace import MAX_BATCHES
from chromatrace.index.views import BatchView, Direction, TraceStep, TraceView

CSV_COLUMNS = (
    *("direction", "depth", "gtin", "lot", "product", "producer", "producer_gln", "state", "quantity", "units", "used"),
    *("overused", "holder", "holder_gln", "recalled", "on_hold"),
)


@dataclass(frozen=True, slots=True)
class Party:
    """An organisation that made or holds batches. `gln` is empty if the index does not know the organisation."""

    organisation: int
    name: str
    gln: str


NOT_SHARED = Party(0, "not shared", "")
"""The holder of a batch whose scope logistics is not visible."""

Visible = Callable[[Direction, TraceStep], Scope]
"""The scopes of a batch that a trace may show; without the scope product it is left out."""


def everything_visible(direction: Direction, step: TraceStep) -> Scope:
    """Return all scopes: an index on the own machine holds what every node of the chain has."""
    return ALL_SCOPES


@dataclass(frozen=True, slots=True)
class TracedBatch:
    """A batch of a trace.

    `product` and `materials` are empty if its document is missing, fails its digest or is not visible.
    """

    direction: Direction
    step: TraceStep
    product: str
    materials: tuple[SuppliedMaterial, ...]
    producer: Party
    holder: Party

    @property
    def batch(self) -> BatchView:
        """The batch itself."""
        return self.step.batch

    def as_dict(self) -> dict[str, object]:
        """Return the row of a table, by `CSV_COLUMNS`."""
        batch = self.batch
        return {
            "direction": self.direction.value,
            "depth": self.step.depth,
            "gtin": str(batch.gtin),
            "lot": str(batch.lot),
            "product": self.product,
            "producer": self.producer.name,
            "producer_gln": self.producer.gln,
            "state": batch.state.name.lower(),
            "quantity": batch.quantity,
            "units": batch.units,
            "used": self.step.used,
            "overused": self.step.overused,
            "holder": self.holder.name,
            "holder_gln": self.holder.gln,
            "recalled": batch.recalled,
            "on_hold": batch.on_hold,
        }


@dataclass(frozen=True, slots=True)
class Genealogy:
    """The genealogy of one batch in one or both directions, all of one indexed block.

    withheld  number of batches that are left out because the reader may not see them
    """

    views: tuple[TraceView, ...]
    batches: tuple[TracedBatch, ...]
    withheld: int = 0

    @property
    def origin(self) -> BatchView:
        """The batch that was traced."""
        return self.batches[0].batch

    @property
    def truncated(self) -> bool:
        """Whether a limit was reached."""
        return any(view.truncated for view in self.views)

    @property
    def supplier_lots(self) -> list[tuple[BatchView, SuppliedMaterial]]:
        """Supplier lots named in the documents of the origin and its inputs, each with its batch."""
        return [
            (traced.batch, material)
            for traced in self.batches
            if traced.direction is Direction.BACK
            for material in traced.materials
        ]

    def to(self, direction: Direction) -> list[TracedBatch]:
        """Return the batches of one direction."""
        return [traced for traced in self.batches if traced.direction is direction]

    def csv(self) -> str:
        """Return the batches as CSV. A text that a spreadsheet would run as a formula is prefixed with `'`."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, CSV_COLUMNS)
        writer.writeheader()
        for traced in self.batches:
            writer.writerow({name: _without_formula(value) for name, value in traced.as_dict().items()})
        return text.getvalue()


@dataclass(frozen=True, slots=True)
class HolderImpact:
    """The affected batches that one organisation holds. `recalled`: batches already recalled."""

    holder: Party
    batches: int
    units: int
    recalled: int


@dataclass(frozen=True, slots=True)
class RecallImpact:
    """The batches that a recall affects, the recalled one first, and their holders, most units first."""

    genealogy: Genealogy
    holders: tuple[HolderImpact, ...]

    @property
    def units(self) -> int:
        """Total units."""
        return sum(holder.units for holder in self.holders)


def trace(
    snapshot: Snapshot,
    documents: DocumentStore,
    batch: BatchView,
    directions: Sequence[Direction] = tuple(Direction),
    *,
    max_depth: int | None = None,
    max_batches: int = MAX_BATCHES,
    visible: Visible = everything_visible,
) -> Genealogy:
    """Return the genealogy of a batch of this snapshot; `max_batches` limits each direction.

    `visible` decides which batches the trace shows, their holder, and the suppliers' materials in their document.
    """
    labels = _Labels(snapshot, documents)
    views = []
    for direction in directions:
        view = snapshot.trace(batch.batch_id, direction, max_depth=max_depth, max_batches=max_batches)
        assert view is not None
        views.append(view)
    steps = [(view.direction, step, visible(view.direction, step)) for view in views for step in view.steps]
    traced = [labels.traced(*step) for step in steps if Scope.PRODUCT in step[2]]
    return Genealogy(tuple(views), tuple(traced), len(steps) - len(traced))


def recall_impact(
    snapshot: Snapshot,
    documents: DocumentStore,
    batch: BatchView,
    *,
    max_batches: int = MAX_BATCHES,
    visible: Visible = everything_visible,
) -> RecallImpact:
    """Return what a recall of a batch of this snapshot would affect. Recalls nothing. `visible`: see `trace`."""
    genealogy = trace(snapshot, documents, batch, (Direction.FORWARD,), max_batches=max_batches, visible=visible)
    by_holder: dict[Party, list[BatchView]] = {}
    for traced in genealogy.batches:
        by_holder.setdefault(traced.holder, []).append(traced.batch)
    holders = [
        HolderImpact(holder, len(held), sum(view.units for view in held), sum(view.recalled for view in held))
        for holder, held in by_holder.items()
    ]
    holders.sort(key=lambda impact: (-impact.units, impact.holder.organisation))
    return RecallImpact(genealogy, tuple(holders))


class _Labels:
    """Names of organisations and products, each read once per trace."""

    def __init__(self, snapshot: Snapshot, documents: DocumentStore) -> None:
        self._snapshot, self._documents = snapshot, documents
        self._contents: dict[bytes, BatchContent | None] = {}
        self._parties: dict[int, Party] = {}

    def traced(self, direction: Direction, step: TraceStep, scopes: Scope) -> TracedBatch:
        batch, content = step.batch, self._content(step.batch)
        product = content.product.name if content else ""
        materials = content.materials if content and Scope.DOCUMENTS in scopes else ()
        holder = self._party(batch.custodian) if Scope.LOGISTICS in scopes else NOT_SHARED
        return TracedBatch(direction, step, product, materials, self._party(batch.producer), holder)

    def _party(self, number: int) -> Party:
        if number not in self._parties:
            view = self._snapshot.organisation(number)
            name, gln = (view.name, str(view.gln)) if view else (f"organisation {number}", "")
            self._parties[number] = Party(number, name, gln)
        return self._parties[number]

    def _content(self, batch: BatchView) -> BatchContent | None:
        if batch.batch_id not in self._contents:
            try:
                content = BatchContent.from_bytes(self._documents.get(batch.content_digest))
            except ChromaTraceError:
                content = None
            self._contents[batch.batch_id] = content if content is not None and content.key == batch.key else None
        return self._contents[batch.batch_id]


def _without_formula(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
