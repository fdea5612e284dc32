"""Draw the genealogy of a batch: supplier lots, inputs and uses, up to the current holders."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from chromatrace.domain.identifiers import BatchId
from chromatrace.domain.rights import BatchState
from chromatrace.index.views import BatchView
from chromatrace.services.drawing.graph import Arrow, Card, CardTone, Graph
from chromatrace.services.drawing.svg import svg
from chromatrace.services.trace import Genealogy, TracedBatch

MAX_DRAWN = 120
"""Maximum number of batches in a drawing; the table lists all of them."""

_FAILED = (BatchState.STOPPED, BatchState.RECYCLED, BatchState.SCRAPPED)
_PASSED = (BatchState.RELEASED, BatchState.GRADED)

LinkOf = Callable[[BatchView], str]
"""Return the URL that the card of a batch links to."""


def draw_genealogy(genealogy: Genealogy, link_of: LinkOf | None = None) -> str:
    """Return a genealogy as SVG: with `link_of` to embed in a page, otherwise as a file of its own."""
    return svg(genealogy_graph(genealogy, link_of), standalone=link_of is None)


def genealogy_graph(genealogy: Genealogy, link_of: LinkOf | None = None) -> Graph:
    """Return both directions as one graph, with at most `MAX_DRAWN` batches, nearest first."""
    traced: dict[BatchId, TracedBatch] = {}
    for item in sorted(genealogy.batches, key=lambda item: item.step.depth):
        traced.setdefault(item.batch.batch_id, item)
    drawn = dict(list(traced.items())[:MAX_DRAWN])
    origin = genealogy.origin
    cards = [_card(item, link_of, selected=batch == origin.batch_id) for batch, item in drawn.items()]
    links = dict.fromkeys(link for view in genealogy.views for link in view.links)
    arrows = [
        Arrow(_id(link.input), _id(link.batch), f"{link.quantity:,}")
        for link in links
        if link.input in drawn and link.batch in drawn
    ]
    for number, (batch, material) in enumerate(genealogy.supplier_lots):
        if batch.batch_id in drawn:
            key = f"{_id(batch.batch_id)}/{number}"
            cards.append(Card(key, material.supplier_lot, (material.name, material.supplier), CardTone.EXTERNAL))
            arrows.append(Arrow(key, _id(batch.batch_id)))
    title = f"Genealogy of batch {origin.key}"
    return Graph(title, tuple(cards), tuple(arrows), _note(genealogy, len(traced) - len(drawn)))


def _id(batch: BatchId) -> str:
    return bytes(batch).hex()


def _note(genealogy: Genealogy, omitted: int) -> str:
    sentences = []
    if omitted:
        sentences.append(f"{omitted:,} more batches were traced but are not drawn.")
    if genealogy.truncated:
        sentences.append("Truncated: a limit was reached before the trace was complete.")
    return " ".join(sentences)


def _isolated(name: str) -> str:
    """Return a name that does not reorder the text around it: SVG has no element like `bdi`."""
    if any(unicodedata.bidirectional(character) in ("R", "AL") for character in name):
        return f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}"
    return name


def _card(item: TracedBatch, link_of: LinkOf | None, *, selected: bool) -> Card:
    batch, step = item.batch, item.step
    tone = CardTone.PLAIN
    if batch.recalled or batch.state in _FAILED or step.overused:
        tone = CardTone.ALARM
    elif batch.on_hold:
        tone = CardTone.CAUTION
    elif batch.state in _PASSED:
        tone = CardTone.GOOD
    state = "recalled" if batch.recalled else "on hold" if batch.on_hold else batch.state.name.lower().replace("_", " ")
    first = f"{_isolated(item.product)} · {batch.units:,}" if item.product else f"{batch.units:,} units"
    second = f"{state} · {_isolated(item.holder.name)}"
    if step.overused:
        excess = step.used - batch.quantity
        second = f"{excess:,} unit{'s' * (excess != 1)} overused"
    link = link_of(batch) if link_of is not None else None
    return Card(_id(batch.batch_id), str(batch.lot), (first, second), tone, selected, link)
