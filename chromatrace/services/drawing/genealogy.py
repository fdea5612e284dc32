"""The graph of one batch: what went into it to supplier lots, where it went to its holders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from chromatrace.documents.content import SuppliedMaterial
from chromatrace.domain.identifiers import BatchId
from chromatrace.domain.rights import BatchState
from chromatrace.index.genealogy import TraceStep, TraceView
from chromatrace.services.drawing.graph import Edge, Graph, Node, Tone

MAX_DRAWN = 120
"""Batches in a picture; a table has them all."""

_BAD = (BatchState.STOPPED, BatchState.RECYCLED, BatchState.SCRAPPED)
_GOOD = (BatchState.RELEASED, BatchState.GRADED)


@dataclass(frozen=True, slots=True)
class Names:
    """What the picture calls things.

    holder     the name of an organisation, by its number on the chain
    product    what a batch is, in words; empty where its document is not there
    materials  supplier lots of a batch, by its id: what its document names beside batches
    link       where the card of a batch leads
    """

    holder: Callable[[int], str]
    product: Callable[[TraceStep], str] = lambda step: ""
    materials: Mapping[BatchId, Sequence[SuppliedMaterial]] | None = None
    link: Callable[[TraceStep], str | None] = lambda step: None


def genealogy(views: Sequence[TraceView], names: Names) -> Graph:
    """One or both directions of one batch's genealogy in one graph; the nearest batches where there are too many."""
    origin = views[0].origin
    steps: dict[BatchId, TraceStep] = {}
    for step in sorted((step for view in views for step in view.steps), key=lambda step: step.depth):
        steps.setdefault(step.batch.batch_id, step)
    drawn = dict(list(steps.items())[:MAX_DRAWN])
    nodes = [_card(step, names, chosen=batch == origin) for batch, step in drawn.items()]
    links = dict.fromkeys(link for view in views for link in view.links)
    edges = [
        Edge(_id(link.input), _id(link.batch), f"{link.quantity:,}")
        for link in links
        if link.input in drawn and link.batch in drawn
    ]
    for batch in drawn:
        for place, material in enumerate((names.materials or {}).get(batch, ())):
            key = f"{_id(batch)}/{place}"
            nodes.append(Node(key, material.supplier_lot, (material.name, material.supplier), Tone.OUTSIDE))
            edges.append(Edge(key, _id(batch)))
    title = f"Genealogy of batch {drawn[origin].batch.key}" if origin in drawn else "Genealogy"
    return Graph(title, tuple(nodes), tuple(edges), _note(views, len(steps) - len(drawn)))


def _id(batch: BatchId) -> str:
    return bytes(batch).hex()


def _note(views: Sequence[TraceView], left_out: int) -> str:
    said = []
    if left_out:
        said.append(f"{left_out:,} more batches were traced that are not drawn.")
    if any(view.truncated for view in views):
        said.append("Truncated: a limit was met, there is more than was traced.")
    return " ".join(said)


def _card(step: TraceStep, names: Names, *, chosen: bool) -> Node:
    batch = step.batch
    tone = Tone.PLAIN
    if batch.recalled or batch.state in _BAD or step.overused:
        tone = Tone.ALARM
    elif batch.on_hold:
        tone = Tone.CAUTION
    elif batch.state in _GOOD:
        tone = Tone.GOOD
    state = "recalled" if batch.recalled else "on hold" if batch.on_hold else batch.state.name.lower().replace("_", " ")
    product = names.product(step)
    first = f"{product} · {batch.quantity:,}" if product else f"{batch.quantity:,} units"
    second = f"{state} · {names.holder(batch.custodian)}"
    if step.overused:
        excess = step.used - batch.quantity
        second = f"{excess:,} unit{'s' * (excess != 1)} too many used"
    return Node(_id(batch.batch_id), str(batch.lot), (first, second), tone, chosen, names.link(step))
