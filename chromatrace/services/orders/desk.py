"""Import orders and report about them: the use cases of the command line, the portal and the webhooks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import BatchKey
from chromatrace.orders.importing import ImportReport, OrderFormat, import_orders
from chromatrace.orders.store import OrderStore, StoredOrder
from chromatrace.orders.tokens import Tokens
from chromatrace.plant.erp import ERP
from chromatrace.services.orders.genealogy import genealogy_report
from chromatrace.services.orders.progress import progress_report
from chromatrace.services.orders.quality import quality_report
from chromatrace.services.organisations import own_organisation
from chromatrace.services.records import plant_of
from chromatrace.services.workspace import Workspace
from chromatrace.storage.closing import Closing

if TYPE_CHECKING:
    from chromatrace.documents.store import DocumentStore
    from chromatrace.index import Index, Snapshot
    from chromatrace.plant.records import Plant

REPORTS = ("progress", "quality", "genealogy")
_PAGE = 500


class OrderDesk(Closing):
    """The orders of one plant.

    index         what was produced; needed for reports
    documents     evidence of inspections; without it, reports have no measurements
    organisation  number of the plant's organisation; None: batches of any organisation count
    """

    def __init__(
        self,
        store: OrderStore,
        plant: Plant,
        index: Index,
        documents: DocumentStore | None = None,
        organisation: int | None = None,
    ) -> None:
        self.store, self.plant = store, plant
        self.tokens = Tokens(store)
        self._index, self._documents, self._organisation = index, documents, organisation

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def import_orders(self, data: bytes, format_: OrderFormat, sender: str, *, dry_run: bool = False) -> ImportReport:
        """See `chromatrace.orders.importing.import_orders`."""
        products = [product.gtin for product in self.plant.products]
        return import_orders(self.store, data, format_, self.plant.section(ERP), products, sender, dry_run=dry_run)

    def assign(self, number: str, key: BatchKey) -> None:
        """State that a batch is made for an order. See `OrderStore.assign`."""
        self.store.assign(number, key)

    def report(self, report: str, number: str) -> dict[str, Any]:
        """Return the progress, quality or genealogy of an order. Raises `OrderNotFoundError`."""
        with self._index.snapshot() as snapshot:
            return self._report(snapshot, report, self.store.get(number))

    def reports(self, report: str, states: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
        """Yield the reports of all orders by number, of one block. `states`: only orders in these states."""
        with self._index.snapshot() as snapshot:
            for stored in self.orders(states):
                yield self._report(snapshot, report, stored)

    def state(self) -> tuple[object, ...]:
        """Return a value that changes when the chain, an order or an assignment changes."""
        with self._index.snapshot() as snapshot:
            return snapshot.head().indexed_block, self.store.state()

    def orders(self, states: tuple[str, ...] = ()) -> Iterator[StoredOrder]:
        """Yield all orders by number."""
        after = None
        while page := self.store.page(_PAGE, after, states):
            yield from page
            after = page[-1].order.number

    def _report(self, snapshot: Snapshot, report: str, stored: StoredOrder) -> dict[str, Any]:
        number = stored.order.number
        keys = self.store.batches(number)
        if report == "progress":
            kinds, now = self.plant.record_kinds, int(time.time())
            return progress_report(snapshot, stored, keys, self._organisation, kinds, now)
        if report == "quality":
            return quality_report(snapshot, number, keys, self._organisation, self._documents)
        if report == "genealogy":
            return genealogy_report(snapshot, number, keys, self._organisation)
        raise InvalidInput(f"{report!r:.40} is not one of {', '.join(REPORTS)}", field="report")


def open_desk(workspace: Workspace) -> OrderDesk:
    """Return the orders of the workspace's plant, with its index. The organisation is the plant's, or the signer's."""
    plant = plant_of(workspace.settings.plant)
    organisation = plant.section(ERP).organisation or own_organisation(workspace)
    return OrderDesk(open_store(workspace, plant), plant, workspace.index, workspace.documents, organisation)


def desk_of_portal(workspace: Workspace, plant: Plant, index: Index) -> OrderDesk:
    """Return the orders of a portal's plant. The portal has no signer, so the plant file names the organisation."""
    organisation = plant.section(ERP).organisation
    return OrderDesk(open_store(workspace, plant), plant, index, workspace.documents, organisation)


def open_store(workspace: Workspace, plant: Plant | None = None) -> OrderStore:
    """Return the stored orders of the workspace's plant, without the chain and the index."""
    plant = plant or plant_of(workspace.settings.plant)
    _ = workspace.data
    return OrderStore(workspace.settings.operations_url, plant.name)
