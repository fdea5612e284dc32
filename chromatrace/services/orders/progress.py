"""Progress of an order: units registered, graded and released for it, and the steps of its products.

registered        units of the batches that are on the chain
standard, defective, scrap
                  units by the final grading
yield             standard units of all graded units
first_pass_yield  units of batches whose first results of both inspections passed, of all batches with both
complete          at least as many standard units as ordered are released
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.domain.rights import BatchState, Stage, Verdict
from chromatrace.index import Snapshot
from chromatrace.index.views import BatchView
from chromatrace.orders.order import OrderState, format_utc
from chromatrace.orders.store import StoredOrder

_GRADED = (BatchState.GRADED, BatchState.RELEASED, BatchState.SCRAPPED)


def own_batches(
    snapshot: Snapshot, keys: Sequence[BatchKey], organisation: int | None
) -> list[tuple[BatchKey, BatchView | None]]:
    """Return each batch that the chain has, otherwise None. A batch of another organisation does not count.

    organisation  number of the organisation whose orders these are; None: any
    """
    batches = []
    for key in keys:
        batch = snapshot.batch_by_key(key)
        foreign = batch is not None and organisation is not None and batch.producer != organisation
        batches.append((key, None if foreign else batch))
    return batches


def progress_report(
    snapshot: Snapshot,
    stored: StoredOrder,
    keys: Sequence[BatchKey],
    organisation: int | None,
    kinds: Sequence[RecordKind],
    now: int,
) -> dict[str, Any]:
    """Return the progress of an order as JSON.

    kinds  record kinds of the plant: their departments' records about the contract with the order's number are its
           steps; used only if `organisation` is known, because any organisation can record the same key
    now    Unix seconds
    """
    order = stored.order
    batches = own_batches(snapshot, keys, organisation)
    known = [batch for _, batch in batches if batch is not None]
    graded = [batch for batch in known if batch.state in _GRADED]
    units = sum(batch.quantity for batch in graded)
    standard = sum(batch.standard for batch in known)
    released = sum(batch.standard for batch in known if batch.state is BatchState.RELEASED)
    complete = released >= order.quantity
    open_ = order.state in (OrderState.PLANNED, OrderState.RELEASED)
    return order.as_dict() | {
        "version": stored.version,
        "batches": [_batch(key, batch) for key, batch in batches],
        "registered": sum(batch.quantity for batch in known),
        "standard": standard,
        "defective": sum(batch.defective for batch in known),
        "scrap": sum(batch.scrap for batch in known),
        "recycled": sum(batch.quantity for batch in known if batch.state is BatchState.RECYCLED),
        "released": released,
        "remaining": max(0, order.quantity - released),
        "yield": round(standard / units, 4) if units else None,
        "first_pass_yield": _first_pass_yield(snapshot, known),
        "complete": complete,
        "overdue": open_ and not complete and now > order.finish,
        "steps": _steps(snapshot, order.number, kinds, organisation, now),
    }


def _batch(key: BatchKey, batch: BatchView | None) -> dict[str, Any]:
    members: dict[str, Any] = {"gtin": str(key.gtin), "lot": str(key.lot), "state": "not registered"}
    if batch is None:
        return members
    return members | {
        "state": batch.state.name.lower(),
        "quantity": batch.quantity,
        "standard": batch.standard,
        "defective": batch.defective,
        "scrap": batch.scrap,
        "first_inspection": batch.first_verdict.name.lower(),
        "final_inspection": batch.final_verdict.name.lower(),
        "on_hold": batch.on_hold,
        "recalled": batch.recalled,
        "registered_at": format_utc(batch.registered.block_time),
        "changed_at": format_utc(batch.changed.block_time),
        "batch_id": "0x" + batch.batch_id.hex(),
    }


def _first_pass_yield(snapshot: Snapshot, batches: Sequence[BatchView]) -> float | None:
    passed = inspected = 0
    for batch in batches:
        first_results: dict[Stage, Verdict] = {}
        for inspection in sorted(snapshot.inspections(batch.batch_id), key=lambda item: item.revision):
            first_results.setdefault(inspection.stage, inspection.verdict)
        failed = Verdict.FAIL in first_results.values()
        if failed or len(first_results) == len(Stage):
            inspected += batch.quantity
            passed += 0 if failed else batch.quantity
    return round(passed / inspected, 4) if inspected else None


def _steps(
    snapshot: Snapshot, number: str, kinds: Sequence[RecordKind], organisation: int | None, now: int
) -> list[dict[str, Any]]:
    """Return the steps of each product of the contract with the order's number; none without such a contract."""
    if organisation is None or not kinds:
        return []
    departments = [department.id for department in snapshot.departments(organisation)]
    status = snapshot.order_status(number, kinds, departments, now, organisation)
    if status is None:
        return []
    return [
        {
            "product": "0x" + product.subject.hex(),
            "done": sum(step.done for step in product.steps),
            "of": len(product.steps),
            "next": product.next_step.kind.id if product.next_step else None,
            "station": product.next_step.kind.station if product.next_step else None,
            "expected": None if product.expected is None else format_utc(product.expected),
        }
        for product in status.products
    ]
