"""An ERP of a plant with two products, which sends orders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chromatrace.domain.identifiers import Gtin
from chromatrace.orders.importing import OrderFormat, import_orders
from chromatrace.orders.store import OrderStore
from chromatrace.plant.erp import Erp, read_section
from chromatrace.storage.toml import TomlTable

PANE, FRAME = Gtin("09521234543213"), Gtin("09521234500025")
NOW = 1_796_000_000


def erp_of(**members):
    return read_section(TomlTable(members, "erp"), [str(PANE), str(FRAME)], Path())


@dataclass
class Office:
    """Sends orders, as an ERP does."""

    store: OrderStore
    erp: Erp

    def send(self, text, format_=OrderFormat.CSV, **options):
        data = text if isinstance(text, bytes) else text.encode()
        return import_orders(self.store, data, format_, self.erp, [PANE, FRAME], "orders.csv", **options)
