"""The genealogy of a batch and the impact of its recall, as a graph, tables and CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from app.context import (
    batch_relation,
    batch_scopes,
    current_operator,
    current_portal,
    current_snapshot,
    require_listed,
)
from app.links import page_path
from app.presenters.status import StatusTone
from chromatrace.documents.content import SuppliedMaterial
from chromatrace.domain.errors import NotFound
from chromatrace.domain.identifiers import BatchId
from chromatrace.domain.rights import Role, Scope
from chromatrace.index.views import BatchView, Direction, TraceStep
from chromatrace.services.drawing import STYLE, draw_genealogy
from chromatrace.services.search import Relation
from chromatrace.services.trace import Genealogy, RecallImpact, TracedBatch, Visible, recall_impact
from chromatrace.services.trace import trace as trace_batch

MAX_TRACED = 2000
"""Maximum number of batches that a page traces in each direction; the command line accepts a larger limit."""
_MAX_ROWS = 500
"""Maximum number of rows in a table on a page; the CSV has all of them."""


@dataclass(frozen=True, slots=True)
class TraceNote:
    """A problem of a traced batch, and its severity."""

    text: str
    tone: StatusTone


@dataclass(frozen=True, slots=True)
class TraceRow:
    """A table row of a traced batch."""

    traced: TracedBatch
    relation: Relation
    link: str
    state: str
    notes: tuple[TraceNote, ...]

    @classmethod
    def of(cls, traced: TracedBatch) -> TraceRow:
        """Return the row of a traced batch."""
        batch, step = traced.batch, traced.step
        notes = []
        if batch.recalled:
            notes.append(TraceNote("recalled", StatusTone.ALARM))
        elif batch.on_hold:
            notes.append(TraceNote("on hold", StatusTone.CAUTION))
        if step.overused:
            notes.append(TraceNote(f"{step.used:,} of {batch.quantity:,} units used", StatusTone.ALARM))
        return cls(
            traced,
            batch_relation(batch),
            page_path(batch.key),
            batch.state.name.lower().replace("_", " "),
            tuple(notes),
        )


def trace(batch_id: str) -> ResponseReturnValue:
    """Show a batch's genealogy in both directions; with `?others=hide` without batches of unrelated organisations."""
    documents, batch = current_portal().batches.documents, load_batch(batch_id)
    genealogy = trace_batch(
        current_snapshot(), documents, batch, max_batches=MAX_TRACED, visible=trace_visibility(batch)
    )
    sections = [
        ("Inputs", trace_rows(genealogy.to(Direction.BACK)[1:])),
        ("Products", trace_rows(genealogy.to(Direction.FORWARD)[1:])),
    ]
    return _page(genealogy, sections, materials=[material for _, material in genealogy.supplier_lots])


def impact(batch_id: str) -> ResponseReturnValue:
    """Show what a recall of the batch would affect, as a page or with `?format=csv` as CSV."""
    impact = load_impact(load_batch(batch_id))
    genealogy = impact.genealogy
    if request.args.get("format") == "csv":
        headers = {"Content-Disposition": 'attachment; filename="recall-impact.csv"'}
        return Response(genealogy.csv(), mimetype="text/csv", headers=headers)
    return _page(genealogy, [("Affected batches", trace_rows(genealogy.batches))], impact=impact)


def _page(
    genealogy: Genealogy,
    sections: list[tuple[str, list[TraceRow]]],
    *,
    impact: RecallImpact | None = None,
    materials: Sequence[SuppliedMaterial] = (),
) -> str:
    others = sum(row.relation is Relation.OTHER for _, rows in sections for row in rows)
    hidden = request.args.get("others") == "hide"
    if hidden:
        sections = [(title, [row for row in rows if row.relation is not Relation.OTHER]) for title, rows in sections]
    return render_template(
        "console/genealogy.html",
        batch=genealogy.origin,
        impact=impact,
        graph=None if hidden and others else _graph(genealogy),
        sections=sections,
        materials=materials,
        withheld=genealogy.withheld,
        others=others,
        hidden=hidden,
        truncated=genealogy.truncated,
        max_rows=_MAX_ROWS,
        may_recall=current_operator().has(Role.SUPERVISOR),
    )


def trace_rows(batches: Iterable[TracedBatch]) -> list[TraceRow]:
    """Return the rows of a table: nearest first, and at one distance those of unrelated organisations last."""
    rows = [TraceRow.of(traced) for traced in batches]
    return sorted(rows, key=lambda row: (row.traced.step.depth, row.relation))


def load_impact(batch: BatchView) -> RecallImpact:
    """Return what a recall of a batch would affect, as the operator may see it."""
    documents = current_portal().batches.documents
    visible = trace_visibility(batch)
    return recall_impact(current_snapshot(), documents, batch, max_batches=MAX_TRACED, visible=visible)


def trace_visibility(origin: BatchView) -> Visible:
    """Return the scopes of each batch of a trace.

    A producer sees everything that was made of its own batch and who holds it, because it must be able to recall it,
    and the direct inputs, which it held. Otherwise a trace shows what lists show: a grant for one line never shows
    another line.
    """
    own = origin.producer == current_operator().organisation

    def visible(direction: Direction, step: TraceStep) -> Scope:
        scopes = batch_scopes(step.batch)
        if own and (direction is Direction.FORWARD or step.depth <= 1):
            return scopes | Scope.PRODUCT | Scope.LOGISTICS
        return scopes if own or batch_relation(step.batch) is not Relation.OTHER else Scope(0)

    return visible


def graph_style() -> Response:
    """Return the style sheet of the graph."""
    return Response(STYLE, mimetype="text/css", headers={"Cache-Control": "public, max-age=3600"})


def load_batch(text: str) -> BatchView:
    """Return the batch whose identifier is in a path. Raises `NotFound`, and as `require_listed`."""
    try:
        batch = current_snapshot().batch(BatchId(bytes.fromhex(text)))
    except ValueError:
        batch = None
    if batch is None:
        raise NotFound("no batch has this identifier", field="batch_id")
    require_listed(batch)
    return batch


def _graph(genealogy: Genealogy) -> Markup:
    # `draw_genealogy` escapes all texts.
    return Markup(draw_genealogy(genealogy, lambda batch: page_path(batch.key)))  # noqa: S704
