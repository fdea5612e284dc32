"""Goods by any key, where they come from and went, what a recall would reach, how far an order is."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, g, redirect, render_template, request, url_for
from markupsafe import Markup

from app.api.records.request_context import department_of, held_keys, open_records
from app.context import current_operator, current_portal, now_s
from app.franchisee.overview import batch_row
from app.links import page_path
from app.presenters.organisations import OrganisationSummary
from chromatrace.documents.content import BatchContent, SuppliedMaterial
from chromatrace.domain.errors import IntegrityError, NotFound
from chromatrace.domain.identifiers import BatchId
from chromatrace.domain.ledger_entries import kind_hash, subject_id
from chromatrace.domain.rights import Role
from chromatrace.exchange.lookup import batches_with, key_in
from chromatrace.index.genealogy import TraceStep, TraceView
from chromatrace.index.views import RecordView
from chromatrace.services.drawing import STYLE, Names, genealogy, svg

_SEARCHED = 1000
"""Newest batches in whose documents a serial is looked for."""
TRACED = 2000
"""Batches that a page traces; the command line goes further."""
_SHOWN = 500
"""Rows of a table on a page; the CSV has them all."""


@dataclass(frozen=True, slots=True)
class GoodsRow:
    """One batch of a trace. `note` is what is wrong with it, empty where nothing is."""

    step: TraceStep
    product: str
    holder: OrganisationSummary
    link: str
    state: str
    note: str


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One record of a department."""

    entry: RecordView
    department: str
    title: str


def find() -> Any:
    """What a key leads to; a batch's own identifier leads to its genealogy."""
    here = current_portal()
    text = request.args.get("q", "").strip()
    if not text:
        return redirect(url_for("console.overview"))
    departments = {view.id: view.name for view in here.index.departments()}
    found = here.index.find(key_in(text), here.kinds, _readable(list(departments)))
    newest = here.index.batches(limit=_SEARCHED)
    units = batches_with(text, newest, here.batches.documents)
    titles = {kind_hash(kind.schema): kind.title for kind in here.kinds}
    orders = [kind for kind in found.kinds if here.kinds and kind.id == here.kinds[0].id]
    return render_template(
        "console/find.html",
        query=text,
        found=found,
        rows=[batch_row(view) for view in found.batches],
        units=[batch_row(view) for view in units],
        is_order=bool(orders),
        records=[
            RecordRow(entry, departments[entry.department], titles.get(entry.kind, "Record of an unknown kind"))
            for entry in found.records
        ],
        searched=len(newest) if len(newest) == _SEARCHED else None,
    ), (200 if found or units else 404)


def trace(batch_id: str) -> Any:
    """A batch's genealogy both ways, as a picture and a table."""
    batch, index = batch_of(batch_id), current_portal().index
    asks = (index.trace_back, index.trace_forward)
    both = [_existing(ask(batch, max_batches=TRACED)) for ask in asks]
    return render_template(
        "console/genealogy.html",
        batch=both[0].steps[0].batch,
        impact=None,
        picture=_picture(both),
        sections=[
            ("What went into it", goods_rows(both[0])[1:]),
            ("Where it went", goods_rows(both[1])[1:]),
        ],
        materials=_materials(both[:1]),
        truncated=any(view.truncated for view in both),
        most=_SHOWN,
    )


def impact(batch_id: str) -> Any:
    """What a recall of the batch would reach: to be seen before anybody recalls."""
    here, now = current_portal(), now_s()
    found = here.index.recall_impact(batch_of(batch_id), max_batches=TRACED)
    if found is None:
        raise no_batch()
    if request.args.get("format") == "csv":
        return _csv(goods_rows(found.trace))
    return render_template(
        "console/genealogy.html",
        batch=found.trace.steps[0].batch,
        impact=found,
        holders=[(here.batches.organisation(holder.organisation, now), holder) for holder in found.holders],
        picture=_picture([found.trace]),
        sections=[("Batches that it reaches", goods_rows(found.trace))],
        materials={},
        truncated=found.truncated,
        most=_SHOWN,
        may_recall=current_operator().has(Role.SUPERVISOR),
    )


def order(contract: str) -> Any:
    """How far a contract is: each product's step and station, and when it may be complete."""
    here = current_portal()
    departments = [view.id for view in here.index.departments()]
    found = (
        here.index.order_status(contract, here.kinds, _readable(departments), now_s(), current_operator().organisation)
        if here.kinds
        else None
    )
    if found is None:
        raise NotFound("there is no such contract, or it is not for you to see", field="contract")
    return render_template("console/order.html", order=found, names=_product_names(found.ordered))


def _product_names(ordered: RecordView) -> dict[bytes, str]:
    """What the contract calls its products, whose hashes alone are on the chain; none where no key here opens it."""
    desk, _ = open_records()
    department = department_of(ordered)
    try:
        document = desk.read(ordered, held_keys(current_portal(), department.name)) if department else None
    except (NotFound, IntegrityError):
        return {}
    return {subject_id(product): product for product in document.products} if document else {}


def style() -> Response:
    """The style sheet of the pictures."""
    return Response(STYLE, mimetype="text/css", headers={"Cache-Control": "public, max-age=3600"})


def _readable(departments: Sequence[bytes]) -> list[bytes]:
    here, who = current_portal(), current_operator()
    return [one for one in departments if here.chain.may_read_department(who.address, one)]


def batch_of(text: str) -> BatchId:
    """The identifier in a path; `NotFound` where it is none."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raise no_batch() from None
    return BatchId(raw)


def _existing(view: TraceView | None) -> TraceView:
    if view is None:
        raise no_batch()
    return view


def no_batch() -> NotFound:
    """What is said of a batch that nobody registered."""
    return NotFound("there is no such batch", field="batch_id")


def _content(step: TraceStep) -> BatchContent | None:
    """The batch's document, read once a request; None where it is not here or not what the chain names."""
    known: dict[BatchId, BatchContent | None] = g.setdefault("contents", {})
    if step.batch.batch_id not in known:
        known[step.batch.batch_id] = current_portal().batches.content(step.batch).value
    return known[step.batch.batch_id]


def goods_rows(view: TraceView) -> list[GoodsRow]:
    """The batches of a trace as a table has them."""
    here, now = current_portal(), now_s()
    rows = []
    for step in view.steps:
        batch = step.batch
        content = _content(step)
        note = "recalled" if batch.recalled else "on hold" if batch.on_hold else ""
        if step.overused:
            note = f"{step.used:,} units used, it has {batch.quantity:,}"
        rows.append(
            GoodsRow(
                step,
                content.product.name if content else "",
                here.batches.organisation(batch.custodian, now),
                page_path(batch.key),
                batch.state.name.lower().replace("_", " "),
                note,
            )
        )
    return rows


def _materials(views: Sequence[TraceView]) -> dict[BatchId, tuple[SuppliedMaterial, ...]]:
    contents = {step.batch.batch_id: _content(step) for view in views for step in view.steps}
    return {batch: content.materials for batch, content in contents.items() if content and content.materials}


def _picture(views: Sequence[TraceView]) -> Markup:
    here, now = current_portal(), now_s()

    def product(step: TraceStep) -> str:
        content = _content(step)
        return content.product.name if content else ""

    names = Names(
        holder=lambda number: here.batches.organisation(number, now).name,
        product=product,
        materials=_materials([view for view in views if view.direction == "back"]),
        link=lambda step: page_path(step.batch.key),
    )
    # `svg` escapes every text that it is given.
    return Markup(svg(genealogy(views, names), standalone=False))  # noqa: S704


def _csv(rows: Sequence[GoodsRow]) -> Response:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("depth", "gtin", "lot", "product", "state", "quantity", "units", "used", "holder", "gln", "note"))
    for row in rows:
        step, batch = row.step, row.step.batch
        goods = (batch.gtin, _plain(str(batch.lot)), _plain(row.product), row.state)
        amounts = (batch.quantity, batch.units, step.used)
        writer.writerow((step.depth, *goods, *amounts, _plain(row.holder.name), row.holder.gln, row.note))
    headers = {"Content-Disposition": 'attachment; filename="recall-impact.csv"'}
    return Response(text.getvalue(), mimetype="text/csv", headers=headers)


def _plain(text: str) -> str:
    """Text that no spreadsheet takes for a formula: lots and names are other people's."""
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text
