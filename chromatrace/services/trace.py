"""Trace a batch, and assess the impact of its recall, with the names of products and holders.

Quantities are in units. The chain records how many units of an input were used, not which ones. Therefore a recall
affects every unit of every batch made of the recalled one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from chromatrace.documents.content import BatchContent, SuppliedMaterial
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import ChromaTraceError
from chromatrace.index import Snapshot
from chromatrace.index.queries.trace import MAX_BATCHES
from chromatrace.index.views import BatchView, Direction, TraceStep, TraceView

CSV_COLUMNS = (
    *("direction", "depth", "gtin", "lot", "product", "state", "quantity", "units", "used", "overused"),
    *("holder", "holder_gln", "recalled", "on_hold"),
)


@dataclass(frozen=True, slots=True)
class Holder:
    """An organisation that holds batches. `gln` is empty if the index does not know the organisation."""

    organisation: int
    name: str
    gln: str


@dataclass(frozen=True, slots=True)
class TracedBatch:
    """A batch of a trace. `product` and `materials` are empty if its document is missing or fails its digest."""

    direction: Direction
    step: TraceStep
    product: str
    materials: tuple[SuppliedMaterial, ...]
    holder: Holder

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
    """The genealogy of one batch in one or both directions, all of one indexed block."""

    views: tuple[TraceView, ...]
    batches: tuple[TracedBatch, ...]

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

    holder: Holder
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
) -> Genealogy:
    """Return the genealogy of a batch of this snapshot; `max_batches` limits each direction."""
    labels = _Labels(snapshot, documents)
    views = []
    for direction in directions:
        view = snapshot.trace(batch.batch_id, direction, max_depth=max_depth, max_batches=max_batches)
        assert view is not None
        views.append(view)
    traced = (labels.traced(view.direction, step) for view in views for step in view.steps)
    return Genealogy(tuple(views), tuple(traced))


def recall_impact(
    snapshot: Snapshot, documents: DocumentStore, batch: BatchView, *, max_batches: int = MAX_BATCHES
) -> RecallImpact:
    """Return what a recall of a batch of this snapshot would affect. Recalls nothing."""
    genealogy = trace(snapshot, documents, batch, (Direction.FORWARD,), max_batches=max_batches)
    by_holder: dict[Holder, list[BatchView]] = {}
    for traced in genealogy.batches:
        by_holder.setdefault(traced.holder, []).append(traced.batch)
    holders = [
        HolderImpact(holder, len(held), sum(view.units for view in held), sum(view.recalled for view in held))
        for holder, held in by_holder.items()
    ]
    holders.sort(key=lambda impact: (-impact.units, impact.holder.organisation))
    return RecallImpact(genealogy, tuple(holders))


class _Labels:
    """Names of holders and products, each read once per trace."""

    def __init__(self, snapshot: Snapshot, documents: DocumentStore) -> None:
        self._snapshot, self._documents = snapshot, documents
        self._contents: dict[bytes, BatchContent | None] = {}
        self._holders: dict[int, Holder] = {}

    def traced(self, direction: Direction, step: TraceStep) -> TracedBatch:
        content = self._content(step.batch)
        product, materials = (content.product.name, content.materials) if content else ("", ())
        return TracedBatch(direction, step, product, materials, self._holder(step.batch.custodian))

    def _holder(self, number: int) -> Holder:
        if number not in self._holders:
            view = self._snapshot.organisation(number)
            name, gln = (view.name, str(view.gln)) if view else (f"organisation {number}", "")
            self._holders[number] = Holder(number, name, gln)
        return self._holders[number]

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
