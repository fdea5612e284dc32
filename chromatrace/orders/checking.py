"""Check a sent order: known product, whole quantity of at least 1, finish not before start."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Gtin, Lot
from chromatrace.domain.numbers import parse_whole
from chromatrace.orders.errors import RowError
from chromatrace.orders.order import MAX_NUMBER, MAX_QUANTITY, Order, OrderState, format_utc
from chromatrace.orders.rows import REQUIRED, SentOrder
from chromatrace.plant.erp import Erp

_DATE_ONLY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_CLOCK = ("%H", "%I", "%c", "%X", "%T", "%R")
_ONE_DAY, _ONE_SECOND = timedelta(days=1), timedelta(seconds=1)


def check_orders(sent: Sequence[SentOrder], erp: Erp, products: Collection[Gtin]) -> tuple[list[Order], list[RowError]]:
    """Return the valid orders, in order, and the errors of the others.

    products  of the plant; a GTIN of them is also a material number
    """
    orders, errors = [], []
    rows: dict[str, int] = {}
    for row in sent:
        order, found = _check(row, erp, products)
        errors += found
        if order is None:
            continue
        if order.number in rows:
            message = f"order {order.number!r} is also in row {rows[order.number]}"
            errors.append(RowError(row.row, row.name("order"), message, "send each order once per file"))
        rows.setdefault(order.number, row.row)
        orders.append(order)
    return orders, errors


def _check(row: SentOrder, erp: Erp, products: Collection[Gtin]) -> tuple[Order | None, list[RowError]]:
    errors: list[RowError] = []

    def report(member: str, message: str, hint: str | None = None) -> None:
        errors.append(RowError(row.row, row.name(member), message, hint))

    for member in REQUIRED:
        if member not in row.values:
            report(member, "missing value")
    text = {member: str(value) for member, value in row.values.items()}
    for member in ("order", "material"):
        value = text.get(member, "-")
        if len(value) > MAX_NUMBER or not value.isprintable():
            report(member, f"{value!r:.80} has more than {MAX_NUMBER} characters, or control characters")
    gtin = lot = None
    quantity = 0
    state = OrderState.RELEASED
    times: dict[str, int] = {}
    if "material" in text:
        gtin = _product(text["material"], erp, products)
        if gtin is None:
            known = ", ".join(sorted(erp.materials)[:10]) or "none"
            report(
                "material",
                f"unknown product {text['material']!r:.80}",
                f"map it to a GTIN in [erp.materials] of the plant file; mapped: {known}",
            )
    if "quantity" in row.values:
        try:
            quantity = _quantity(row.values["quantity"], erp)
        except InvalidInput as error:
            report("quantity", error.message, error.hint)
    for member in ("start", "finish"):
        if member in text:
            try:
                times[member] = _time(text[member], erp, end=member == "finish")
            except InvalidInput as error:
                report(member, error.message, error.hint)
    if len(times) == 2 and times["finish"] < times["start"]:
        report("finish", f"{text['finish']} is before the start {text['start']}", "correct one of the two dates")
    if "status" in text:
        try:
            state = OrderState(text["status"].lower())
        except ValueError:
            report("status", f"unknown status {text['status']!r:.40}", f"known: {', '.join(OrderState)}")
    if "lot" in text:
        try:
            lot = Lot(text["lot"])
        except InvalidInput as error:
            report("lot", error.message, error.hint)
    if errors or gtin is None:
        return None, errors
    return Order(text["order"], text["material"], gtin, quantity, times["start"], times["finish"], state, lot), []


def _product(material: str, erp: Erp, products: Collection[Gtin]) -> Gtin | None:
    if material in erp.materials:
        return erp.materials[material]
    # ERP systems pad numeric material numbers with zeros, for example to 18 digits.
    stripped = material.lstrip("0")
    if material.isascii() and material.isdigit() and stripped in erp.materials:
        return erp.materials[stripped]
    return next((gtin for gtin in products if str(gtin) == material), None)


def _quantity(value: str | int, erp: Erp) -> int:
    """Return the quantity, at least 1. A decimal mark may only precede zeros. Raises `InvalidInput`."""
    if isinstance(value, str) and erp.decimal is not None:
        whole, mark, rest = value.strip().partition(erp.decimal)
        if mark and rest.strip("0"):
            raise InvalidInput(f"{value!r:.40} is not a whole number of units")
        value = whole
    number = value if isinstance(value, int) else parse_whole(value, "quantity")
    if not 1 <= number <= MAX_QUANTITY:
        raise InvalidInput(f"quantity is {number}; it must be from 1 to {MAX_QUANTITY:,}")
    return number


def _time(text: str, erp: Erp, *, end: bool) -> int:
    """Return Unix seconds. A finish that is only a date is the last second of that day. Raises `InvalidInput`."""
    try:
        if erp.date_format is None:
            moment = datetime.fromisoformat(text)
            date_only = _DATE_ONLY.fullmatch(text) is not None or (len(text) == 8 and text.isdigit())
        else:
            moment = datetime.strptime(text, erp.date_format)
            date_only = not any(part in erp.date_format for part in _CLOCK)
    except ValueError as error:
        expected = erp.date_format or "an ISO 8601 date or time, such as 2026-12-01 or 2026-12-01T06:00:00+01:00"
        raise InvalidInput(f"{text!r:.60} is not a valid time; expected {expected}") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=erp.time_zone)
    if date_only and end:
        moment += _ONE_DAY - _ONE_SECOND
    try:
        seconds = int(moment.timestamp())
        format_utc(seconds)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"{text!r:.60} is outside the supported years") from error
    if seconds <= 0:
        raise InvalidInput(f"{text!r:.60} is before 1970")
    return seconds
