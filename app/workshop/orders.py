"""Orders of the ERP or MES and what was produced for them."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

from app.context import current_portal
from app.links import page_path
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.identifiers import BatchKey
from chromatrace.orders.order import OrderState
from chromatrace.services.orders.desk import OrderDesk

MAX_ORDERS = 200
OPEN = (OrderState.PLANNED.value, OrderState.RELEASED.value)


def page() -> ResponseReturnValue:
    """Show the orders, open ones by default, with their progress."""
    desk, wanted = _desk(), request.args.get("state", "open")
    if wanted not in ("open", "all", *OrderState):
        raise InvalidInput(f"{wanted!r} is not one of open, all, {', '.join(OrderState)}", field="state")
    states = OPEN if wanted == "open" else () if wanted == "all" else (wanted,)
    reports = []
    for report in desk.reports("progress", states):
        reports.append(report)
        if len(reports) == MAX_ORDERS:
            break
    return render_template(
        "workshop/orders.html",
        reports=reports,
        wanted=wanted,
        states=["open", "all", *(state.value for state in OrderState)],
        maximum=MAX_ORDERS,
    )


def show(number: str) -> ResponseReturnValue:
    """Show an order: its batches, quality results and versions."""
    desk = _desk()
    progress = desk.report("progress", number)
    batches = [(batch, page_path(BatchKey.parse(batch["gtin"], batch["lot"]))) for batch in progress["batches"]]
    return render_template("workshop/order.html", order=progress, batches=batches, versions=desk.store.versions(number))


def _desk() -> OrderDesk:
    desk = current_portal().orders
    if desk is None:
        raise NotFound("this portal has no orders", hint="import orders: `chromatrace order import FILE`")
    return desk
