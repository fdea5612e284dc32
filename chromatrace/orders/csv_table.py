"""Orders in a CSV export of an ERP.

The columns are `order`, `material`, `quantity`, `start`, `finish`, and optionally `status` and `lot`; `[erp.columns]`
of the plant file gives other names. Further columns are ignored and reported.
"""

from __future__ import annotations

import csv
import io

from chromatrace.orders.errors import OrderError
from chromatrace.orders.rows import MEMBERS, REQUIRED, SentOrder, SentOrders
from chromatrace.plant.erp import Erp

MAX_ROWS = 100_000


def read_csv(data: bytes, erp: Erp) -> SentOrders:
    """Return the orders of a CSV file in UTF-8 or, if it is not valid UTF-8, Windows-1252. Raises `OrderError`."""
    text = _decode(data)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=erp.delimiter, strict=True)
    try:
        header = next(reader, [])
        columns = _columns(header, erp)
        orders = []
        for cells in reader:
            if not any(cells):
                continue
            if len(cells) != len(header):
                raise OrderError(
                    f"row {reader.line_num}: expected {len(header)} cells, got {len(cells)}",
                    field="file",
                    hint=f"the delimiter is {erp.delimiter!r}; set `delimiter` in [erp] of the plant file",
                )
            values = {member: cells[index].strip() for member, index in columns.items() if cells[index].strip()}
            names = {member: header[index] for member, index in columns.items()}
            orders.append(SentOrder(reader.line_num, values, names))
            if len(orders) > MAX_ROWS:
                raise OrderError(f"more than {MAX_ROWS:,} orders; split the file", field="file")
    except csv.Error as error:
        raise OrderError(f"row {reader.line_num}: not CSV: {error}", field="file") from error
    used = set(columns.values())
    return SentOrders(tuple(orders), tuple(name for index, name in enumerate(header) if index not in used))


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            return data.decode("cp1252")
        except UnicodeDecodeError as error:
            raise OrderError(f"the file is neither UTF-8 nor Windows-1252: {error.reason}", field="file") from error


def _columns(header: list[str], erp: Erp) -> dict[str, int]:
    """Return the position of each member's column."""
    cells = [name.strip() for name in header]
    columns = {}
    for member in MEMBERS:
        name = erp.columns.get(member, member)
        if cells.count(name) > 1:
            raise OrderError(f"the file has {cells.count(name)} columns {name!r}", field=name)
        if name in cells:
            columns[member] = cells.index(name)
        elif member in REQUIRED:
            raise OrderError(
                f"the file has no column {name!r} ({member})",
                field=name,
                hint=f"columns of the file: {', '.join(cells) or 'none'}; the delimiter is {erp.delimiter!r}; set "
                "[erp.columns] and `delimiter` in the plant file",
            )
    return columns
