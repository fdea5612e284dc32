"""Import a file or request: all orders are stored, or none, with a report."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from chromatrace.domain.identifiers import Gtin
from chromatrace.orders.b2mml import read_json
from chromatrace.orders.checking import check_orders
from chromatrace.orders.csv_table import read_csv
from chromatrace.orders.errors import OrderError, OrdersRejectedError
from chromatrace.orders.store import Change, OrderStore
from chromatrace.plant.erp import Erp


class OrderFormat(StrEnum):
    """The formats of orders."""

    CSV = "csv"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Result of an import. `ignored`: columns of the file that are not used."""

    created: tuple[Change, ...]
    updated: tuple[Change, ...]
    unchanged: int
    ignored: tuple[str, ...]
    dry_run: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "created": [change.number for change in self.created],
            "updated": [
                {"order": change.number, "version": change.version, "difference": change.difference}
                for change in self.updated
            ],
            "unchanged": self.unchanged,
            "ignored_columns": list(self.ignored),
            "dry_run": self.dry_run,
        }


def import_orders(
    store: OrderStore,
    data: bytes,
    order_format: OrderFormat,
    erp: Erp,
    products: Collection[Gtin],
    sender: str,
    *,
    dry_run: bool = False,
) -> ImportReport:
    """Store the orders of a file. An order that is sent again changes nothing; a changed one gets a new version.

    sender   name of the file or token, for the record of versions
    dry_run  check and compare only

    Raises `OrderError` if the file cannot be read, `OrdersRejectedError` with all invalid orders, and
    `OrderConflictError`; nothing is stored then.
    """
    if order_format is OrderFormat.CSV:
        sent = read_csv(data, erp)
    else:
        sent = read_json(data)
        erp = replace(erp, date_format=None, decimal=None)
    if not sent.orders:
        raise OrderError("the file has no orders", field="file")
    orders, errors = check_orders(sent.orders, erp, products)
    if errors:
        raise OrdersRejectedError(errors, len(sent.orders))
    stored = store.put(orders, sender, hashlib.sha256(data).hexdigest(), dry_run=dry_run)
    return ImportReport(stored.created, stored.updated, stored.unchanged, sent.ignored, dry_run)
