"""Search by any key, genealogy of a batch, impact of its recall, progress of an order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from markupsafe import Markup

from app.franchisee.overview import row_of
from app.links import page_path
from app.portal import now_s, operator, portal, snapshot
from app.records.desk import department_of, keys, open_desk
from chromatrace.domain.errors import IntegrityError, NotFound
from chromatrace.domain.identifiers import BatchId
from chromatrace.domain.ledger_entries import subject_id
from chromatrace.domain.rights import Role
from chromatrace.index.views import BatchView, Direction, RecordView
from chromatrace.services import search
from chromatrace.services.drawing import STYLE, draw_genealogy
from chromatrace.services.trace import Genealogy, TracedBatch, recall_impact
from chromatrace.services.trace import trace as trace_batch

MAX_TRACED = 2000
"""Maximum number of batches that a page traces in each direction; the command line accepts a larger limit."""
_MAX_ROWS = 500
"""Maximum number of rows in a table on a page; the CSV has all of them."""


@dataclass(frozen=True, slots=True)
class TraceRow:
    """A table row of a traced batch. `note` names a problem, or is empty."""

    traced: TracedBatch
    link: str
    state: str
    note: str

    @classmethod
    def of(cls, traced: TracedBatch) -> TraceRow:
        batch, step = traced.batch, traced.step
        note = "recalled" if batch.recalled else "on hold" if batch.on_hold else ""
        if step.overused:
            note = f"{step.used:,} units used, it has {batch.quantity:,}"
        return cls(traced, page_path(batch.key), batch.state.name.lower().replace("_", " "), note)


def find() -> Any:
    """Render everything found under the query `q`."""
    here = portal()
    text = request.args.get("q", "").strip()
    if not text:
        return redirect(url_for("console.overview"))
    result = search.find(snapshot(), here.batches.documents, text, here.kinds, _may_read())
    return render_template(
        "console/find.html",
        query=text,
        found=result.matches,
        rows=[row_of(view) for view in result.matches.batches],
        units=[row_of(view) for view in result.batches_with_serial],
        is_order=any(kind.id == here.kinds[0].id for kind in result.matches.kinds),
        records=result.records,
        searched=None if result.all_batches_searched else search.SERIAL_BATCHES,
    ), (200 if result else 404)


def trace(batch_id: str) -> Any:
    """Render a batch's genealogy in both directions, as a drawing and as tables."""
    genealogy = trace_batch(snapshot(), portal().batches.documents, batch_of(batch_id), max_batches=MAX_TRACED)
    return render_template(
        "console/genealogy.html",
        batch=genealogy.origin,
        impact=None,
        picture=_drawing(genealogy),
        sections=[
            ("What went into it", [TraceRow.of(traced) for traced in genealogy.to(Direction.BACK)[1:]]),
            ("Where it went", [TraceRow.of(traced) for traced in genealogy.to(Direction.FORWARD)[1:]]),
        ],
        materials=[material for _, material in genealogy.supplier_lots],
        truncated=genealogy.truncated,
        most=_MAX_ROWS,
    )


def impact(batch_id: str) -> Any:
    """Render what a recall of the batch would affect, as a page or with `?format=csv` as CSV."""
    impact = recall_impact(snapshot(), portal().batches.documents, batch_of(batch_id), max_batches=MAX_TRACED)
    genealogy = impact.genealogy
    if request.args.get("format") == "csv":
        headers = {"Content-Disposition": 'attachment; filename="recall-impact.csv"'}
        return Response(genealogy.csv(), mimetype="text/csv", headers=headers)
    return render_template(
        "console/genealogy.html",
        batch=genealogy.origin,
        impact=impact,
        picture=_drawing(genealogy),
        sections=[("Batches that it reaches", [TraceRow.of(traced) for traced in genealogy.batches])],
        materials=[],
        truncated=genealogy.truncated,
        most=_MAX_ROWS,
        may_recall=operator().has(Role.SUPERVISOR),
    )


def order(contract: str) -> Any:
    """Render the progress of a contract: the next step of each product and its expected completion."""
    kinds, organisation = portal().kinds, operator().organisation
    status = search.order_status(snapshot(), contract, kinds, _may_read(), now_s(), own_organisation=organisation)
    return render_template("console/order.html", order=status, names=_product_names(status.ordered))


def _product_names(ordered: RecordView) -> dict[bytes, str]:
    """What the contract calls its products, whose hashes alone are on the chain; none where no key here opens it."""
    desk, _ = open_desk()
    department = department_of(ordered)
    try:
        document = desk.read(ordered, keys(portal(), department.name)) if department else None
    except (NotFound, IntegrityError):
        return {}
    return {subject_id(product): product for product in document.products} if document else {}


def style() -> Response:
    """Return the style sheet of the drawings."""
    return Response(STYLE, mimetype="text/css", headers={"Cache-Control": "public, max-age=3600"})


def batch_of(text: str) -> BatchView:
    """Return the batch whose identifier is in a path. Raises `NotFound`."""
    try:
        batch = snapshot().batch(BatchId(bytes.fromhex(text)))
    except ValueError:
        batch = None
    if batch is None:
        raise NotFound("no such batch", field="batch_id")
    return batch


def _may_read() -> Callable[[bytes], bool]:
    chain, address = portal().chain, operator().address
    return lambda department: chain.may_read_department(address, department)


def _drawing(genealogy: Genealogy) -> Markup:
    # `draw_genealogy` escapes every text that it is given.
    return Markup(draw_genealogy(genealogy, lambda batch: page_path(batch.key)))  # noqa: S704
