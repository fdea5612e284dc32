"""The genealogy of a batch and the impact of its recall, as a graph, tables and CSV."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from app.context import current_operator, current_portal, current_snapshot
from app.links import page_path
from app.presenters.status import StatusTone
from chromatrace.domain.errors import NotFound
from chromatrace.domain.identifiers import BatchId
from chromatrace.domain.rights import Role
from chromatrace.index.views import BatchView, Direction
from chromatrace.services.drawing import STYLE, draw_genealogy
from chromatrace.services.trace import Genealogy, TracedBatch, recall_impact
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
        return cls(traced, page_path(batch.key), batch.state.name.lower().replace("_", " "), tuple(notes))


def trace(batch_id: str) -> ResponseReturnValue:
    """Show a batch's genealogy in both directions."""
    documents = current_portal().batches.documents
    genealogy = trace_batch(current_snapshot(), documents, load_batch(batch_id), max_batches=MAX_TRACED)
    return render_template(
        "console/genealogy.html",
        batch=genealogy.origin,
        impact=None,
        graph=_graph(genealogy),
        sections=[
            ("Inputs", [TraceRow.of(traced) for traced in genealogy.to(Direction.BACK)[1:]]),
            ("Products", [TraceRow.of(traced) for traced in genealogy.to(Direction.FORWARD)[1:]]),
        ],
        materials=[material for _, material in genealogy.supplier_lots],
        truncated=genealogy.truncated,
        max_rows=_MAX_ROWS,
    )


def impact(batch_id: str) -> ResponseReturnValue:
    """Show what a recall of the batch would affect, as a page or with `?format=csv` as CSV."""
    documents = current_portal().batches.documents
    impact = recall_impact(current_snapshot(), documents, load_batch(batch_id), max_batches=MAX_TRACED)
    genealogy = impact.genealogy
    if request.args.get("format") == "csv":
        headers = {"Content-Disposition": 'attachment; filename="recall-impact.csv"'}
        return Response(genealogy.csv(), mimetype="text/csv", headers=headers)
    return render_template(
        "console/genealogy.html",
        batch=genealogy.origin,
        impact=impact,
        graph=_graph(genealogy),
        sections=[("Affected batches", [TraceRow.of(traced) for traced in genealogy.batches])],
        materials=[],
        truncated=genealogy.truncated,
        max_rows=_MAX_ROWS,
        may_recall=current_operator().has(Role.SUPERVISOR),
    )


def graph_style() -> Response:
    """Return the style sheet of the graph."""
    return Response(STYLE, mimetype="text/css", headers={"Cache-Control": "public, max-age=3600"})


def load_batch(text: str) -> BatchView:
    """Return the batch whose identifier is in a path. Raises `NotFound`."""
    try:
        batch = current_snapshot().batch(BatchId(bytes.fromhex(text)))
    except ValueError:
        batch = None
    if batch is None:
        raise NotFound("no batch has this identifier", field="batch_id")
    return batch


def _graph(genealogy: Genealogy) -> Markup:
    # `draw_genealogy` escapes all texts.
    return Markup(draw_genealogy(genealogy, lambda batch: page_path(batch.key)))  # noqa: S704
