"""Orders in JSON: with the names of B2MML, or the members of an order.

B2MML (ISA-95): `OperationsSchedule` with `OperationsRequest`, or the older `ProductionSchedule` with
`ProductionRequest`. A request is one order: `ID`, `StartTime`, `EndTime`, `RequestState`, and one produced material in
its segments (`MaterialUse` is `Produced`, or `MaterialProducedRequirement`). The envelope `Process...Schedule` and
`DataArea` may surround the schedule. B2MML has no JSON form of its own; a value may be plain or `{"value": ...}`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chromatrace.domain.errors import InvalidInput
from chromatrace.orders.errors import OrderError
from chromatrace.orders.rows import MEMBERS, SentOrder, SentOrders
from chromatrace.storage.strict_json import parse

_SCHEDULES = {"OperationsSchedule": "OperationsRequest", "ProductionSchedule": "ProductionRequest"}
_STATES = {
    "forecast": "planned",
    "scheduled": "planned",
    "released": "released",
    "ready": "released",
    "running": "released",
    "completed": "closed",
    "closed": "closed",
    "aborted": "cancelled",
    "cancelled": "cancelled",
}
"""`RequestState` of B2MML to the status of an order."""
MAX_ORDERS = 100_000


def read_json(data: bytes) -> SentOrders:
    """Return the orders of a JSON document. Raises `OrderError`, whose field is a JSON pointer."""
    try:
        document = parse(data)
    except InvalidInput as error:
        raise OrderError(error.message, field=error.field or "", hint=error.hint) from error
    if isinstance(document, dict) and set(document) == {"orders"}:
        orders = list(_plain(document["orders"]))
    else:
        orders = [
            order
            for schedule, pointer, request in _schedules(document, "")
            for order in _requests(schedule, pointer, request)
        ]
        # A schedule of another level has its own positions: count through the document.
        orders = [SentOrder(row, order.values, order.names) for row, order in enumerate(orders, start=1)]
    if len(orders) > MAX_ORDERS:
        raise OrderError(f"more than {MAX_ORDERS:,} orders; split the document", field="")
    return SentOrders(tuple(orders))


def _plain(items: Any) -> Iterator[SentOrder]:
    for index, item in enumerate(_array(items, "/orders")):
        pointer = f"/orders/{index}"
        if not isinstance(item, dict):
            raise OrderError("expected an object", field=pointer)
        for name in item:
            if name not in MEMBERS:
                raise OrderError(f"unknown member {name!r:.80}", field=pointer, hint=f"members: {', '.join(MEMBERS)}")
        names = {name: f"{pointer}/{name}" for name in MEMBERS}
        values = {name: _scalar(value, names[name]) for name, value in item.items() if value not in (None, "")}
        yield SentOrder(index + 1, values, names)


def _schedules(value: Any, pointer: str, depth: int = 0) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield each schedule of a document, its pointer and the name of its requests."""
    if not isinstance(value, dict):
        raise OrderError("expected an object", field=pointer)
    found = False
    for name, request in _SCHEDULES.items():
        if name in value:
            found = True
            for item, at in _one_or_more(value[name], f"{pointer}/{name}"):
                yield item, at, request
        elif request in value and depth == 0:
            found = True
            yield value, pointer, request
    if found:
        return
    for name in ("ProcessOperationsSchedule", "ProcessProductionSchedule", "DataArea"):
        if name in value and depth < 3:
            yield from _schedules(value[name], f"{pointer}/{name}", depth + 1)
            return
    raise OrderError(
        "the document has no orders",
        field=pointer,
        hint='expected {"orders": [...]}, OperationsSchedule or ProductionSchedule',
    )


def _requests(schedule: dict[str, Any], pointer: str, request: str) -> Iterator[SentOrder]:
    for row, (item, at) in enumerate(_one_or_more(schedule.get(request, []), f"{pointer}/{request}"), start=1):
        values: dict[str, str | int] = {}
        names = {
            "order": f"{at}/ID",
            "start": f"{at}/StartTime",
            "finish": f"{at}/EndTime",
            "status": f"{at}/RequestState",
        }
        for member, name in (("order", "ID"), ("start", "StartTime"), ("finish", "EndTime")):
            _put(values, member, item.get(name), names[member])
        state = _scalar(item.get("RequestState", "Released"), names["status"])
        if str(state).lower() not in _STATES:
            raise OrderError(f"unknown state {state!r:.60}", field=names["status"], hint=f"known: {', '.join(_STATES)}")
        values["status"] = _STATES[str(state).lower()]
        produced = list(_produced(item, at))
        if len(produced) != 1:
            raise OrderError(
                f"expected one produced material, got {len(produced)}",
                field=f"{at}/SegmentRequirement",
                hint="send one request for each product; mark the product with MaterialUse Produced",
            )
        material, material_at = produced[0]
        names["material"] = f"{material_at}/MaterialDefinitionID"
        _put(values, "material", material.get("MaterialDefinitionID"), names["material"])
        _put(values, "lot", material.get("MaterialLotID"), f"{material_at}/MaterialLotID")
        names["lot"] = f"{material_at}/MaterialLotID"
        names["quantity"] = f"{material_at}/Quantity"
        quantities = list(_one_or_more(material.get("Quantity", []), names["quantity"]))
        if len(quantities) == 1:
            quantity, quantity_at = quantities[0]
            names["quantity"] = f"{quantity_at}/QuantityString"
            _put(values, "quantity", quantity.get("QuantityString"), names["quantity"])
        yield SentOrder(row, values, names)


def _produced(request: dict[str, Any], pointer: str) -> Iterator[tuple[dict[str, Any], str]]:
    for segment, at in _one_or_more(request.get("SegmentRequirement", []), f"{pointer}/SegmentRequirement"):
        for name in ("MaterialRequirement", "MaterialProducedRequirement"):
            for material, material_at in _one_or_more(segment.get(name, []), f"{at}/{name}"):
                use = _scalar(material.get("MaterialUse", "Produced"), f"{material_at}/MaterialUse")
                if use == "Produced":
                    yield material, material_at


def _put(values: dict[str, str | int], member: str, value: Any, pointer: str) -> None:
    if value not in (None, ""):
        values[member] = _scalar(value, pointer)


def _scalar(value: Any, pointer: str) -> str | int:
    if isinstance(value, dict) and "value" in value:
        value = value["value"]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise OrderError("expected a string or a whole number", field=pointer)
    return value


def _array(value: Any, pointer: str) -> list[Any]:
    if not isinstance(value, list):
        raise OrderError("expected an array", field=pointer)
    return value


def _one_or_more(value: Any, pointer: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the objects of an array, or the one object, each with its pointer."""
    items = [(value, pointer)] if isinstance(value, dict) else []
    items = items or [(item, f"{pointer}/{index}") for index, item in enumerate(_array(value, pointer))]
    for item, at in items:
        if not isinstance(item, dict):
            raise OrderError("expected an object", field=at)
        yield item, at
