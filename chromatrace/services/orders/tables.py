"""Reports of orders as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

COLUMNS = {
    "progress": (
        *("order", "version", "material", "gtin", "status", "quantity", "start", "finish", "registered", "standard"),
        *("defective", "scrap", "recycled", "released", "remaining", "yield", "first_pass_yield", "complete"),
        "overdue",
    ),
    "quality": (
        *("order", "gtin", "lot", "stage", "revision", "superseded", "verdict", "sample_size", "defects"),
        *("inspected_at", "inspector", "evidence", "transaction"),
    ),
    "genealogy": ("order", "batch", "input", "quantity"),
}
"""Columns of each report."""
_ROWS = {"quality": "inspections", "genealogy": "links"}


def to_csv(report: str, documents: Iterable[dict[str, Any]]) -> str:
    """Return reports of one type as CSV: a row for each order, inspection or link."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS[report], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for document in documents:
        rows = document[_ROWS[report]] if report in _ROWS else [document]
        for row in rows:
            writer.writerow({name: _cell(value) for name, value in ({"order": document["order"]} | row).items()})
    return text.getvalue()


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
