"""Orders and their versions in SQL. The caller opens a store with the name of its plant and sees only its orders."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from chromatrace.domain.identifiers import BatchKey
from chromatrace.orders.errors import OrderConflictError, OrderNotFoundError
from chromatrace.orders.order import Order, difference
from chromatrace.orders.tables import ORDER_TABLES, AssignedBatchRow, ImportRow, OrderRow, VersionRow
from chromatrace.storage.sql_store import SqlStore

_CHUNK = 500
"""Orders that are read and written together."""


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """The newest version of an order. `received`, `changed`: Unix seconds of the first and this version."""

    order: Order
    version: int
    received: int
    changed: int


@dataclass(frozen=True, slots=True)
class OrderVersion:
    """One version of an order, and what changed: member to [before, after]; empty for the first version."""

    version: int
    received: int
    sender: str
    order: Order
    difference: dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Change:
    """A stored order: `version` is its version now; `difference` is None if it is new."""

    number: str
    version: int
    difference: dict[str, list[Any]] | None


@dataclass(frozen=True, slots=True)
class Stored:
    """Result of storing a file."""

    created: tuple[Change, ...]
    updated: tuple[Change, ...]
    unchanged: int


class OrderStore(SqlStore):
    """The orders of one plant. `now` returns Unix seconds."""

    def __init__(self, url: str, plant: str, now: Callable[[], float] = time.time) -> None:
        super().__init__(url, ORDER_TABLES)
        self.plant = plant
        self._now = now

    def now(self) -> int:
        """Return the current time in Unix seconds."""
        return int(self._now())

    def put(self, orders: Sequence[Order], sender: str, digest: str, *, dry_run: bool = False) -> Stored:
        """Store all orders in one transaction: new orders, and a new version of each changed one.

        sender  name of the file or token
        digest  SHA-256 of the file, hexadecimal digits

        Raises `OrderConflictError`, and stores nothing, if an order with assigned batches changes its product.
        """
        with self.begin() as session:
            record = ImportRow(
                plant=self.plant,
                sender=sender[:200],
                digest=digest,
                received=self.now(),
                created=0,
                updated=0,
                unchanged=0,
            )
            session.add(record)
            session.flush()
            import_id = record.id
            created: list[Change] = []
            updated: list[Change] = []
            for start in range(0, len(orders), _CHUNK):
                for change in self._put(session, orders[start : start + _CHUNK], import_id):
                    (created if change.difference is None else updated).append(change)
            stored = Stored(tuple(created), tuple(updated), len(orders) - len(created) - len(updated))
            counts = {"created": len(created), "updated": len(updated), "unchanged": stored.unchanged}
            session.execute(update(ImportRow).where(ImportRow.id == import_id).values(**counts))
            if dry_run or not (created or updated):
                session.rollback()
            return stored

    def _put(self, session: Session, orders: Sequence[Order], import_id: int) -> list[Change]:
        """Store some orders. A version refers to its order, so all orders are written first."""
        numbers = [order.number for order in orders]
        known = select(OrderRow).where(OrderRow.plant == self.plant, OrderRow.number.in_(numbers))
        rows = {row.number: row for row in session.scalars(known)}
        now, changes, versions = self.now(), list[Change](), list[VersionRow]()
        for order in orders:
            row, digest, difference_ = rows.get(order.number), order.digest, None
            if row is None:
                row = OrderRow(plant=self.plant, number=order.number, version=0, received=now)
                session.add(row)
            elif row.digest == digest:
                continue
            else:
                difference_ = self._difference(session, row, order)
            content = json.dumps(order.as_dict())
            row.version, row.state, row.gtin = row.version + 1, order.state.value, str(order.gtin)
            row.lot = None if order.lot is None else str(order.lot)
            row.start, row.finish, row.changed = order.start, order.finish, now
            row.digest, row.content = digest, content
            changes.append(Change(order.number, row.version, difference_))
            versions.append(
                VersionRow(
                    plant=self.plant,
                    number=order.number,
                    version=row.version,
                    import_id=import_id,
                    received=now,
                    content=content,
                    difference=json.dumps(difference_ or {}),
                )
            )
        session.flush()
        session.add_all(versions)
        session.flush()
        session.expunge_all()  # otherwise each flush looks at all orders so far
        return changes

    def _difference(self, session: Session, row: OrderRow, order: Order) -> dict[str, list[Any]]:
        before = Order.from_dict(json.loads(row.content))
        if before.gtin != order.gtin and self._batches(session, order.number):
            raise OrderConflictError(
                f"order {order.number} has batches of {before.gtin}; its product cannot become {order.gtin}",
                field="material",
                hint="send a new order for the other product",
            )
        return difference(before, order)

    def get(self, number: str) -> StoredOrder:
        """Return an order. Raises `OrderNotFoundError`."""
        with self.read() as session:
            return _stored(self._row(session, number))

    def page(self, limit: int = 1000, after: str | None = None, states: Sequence[str] = ()) -> list[StoredOrder]:
        """Return orders by number, at most `limit`, from the one after `after`. `states`: only in these states."""
        statement = select(OrderRow).where(OrderRow.plant == self.plant).order_by(OrderRow.number).limit(limit)
        if after is not None:
            statement = statement.where(OrderRow.number > after)
        if states:
            statement = statement.where(OrderRow.state.in_(states))
        with self.read() as session:
            return [_stored(row) for row in session.scalars(statement)]

    def versions(self, number: str) -> list[OrderVersion]:
        """Return all versions of an order, oldest first. Raises `OrderNotFoundError`."""
        statement = (
            select(VersionRow, ImportRow.sender)
            .join(ImportRow, ImportRow.id == VersionRow.import_id)
            .where(VersionRow.plant == self.plant, VersionRow.number == number)
            .order_by(VersionRow.version)
        )
        with self.read() as session:
            self._row(session, number)
            return [
                OrderVersion(
                    row.version,
                    row.received,
                    sender,
                    Order.from_dict(json.loads(row.content)),
                    json.loads(row.difference),
                )
                for row, sender in session.execute(statement)
            ]

    def assign(self, number: str, batch: BatchKey) -> None:
        """State that a batch is made for an order. Safe to repeat.

        Raises `OrderNotFoundError`, and `OrderConflictError` for another product or a batch of another order.
        """
        with self.begin() as session:
            order = _stored(self._row(session, number)).order
            if order.gtin != batch.gtin:
                raise OrderConflictError(
                    f"order {number} is for {order.gtin}; the batch is of {batch.gtin}", field="gtin"
                )
            row = session.get(AssignedBatchRow, (self.plant, str(batch.gtin), str(batch.lot)))
            if row is not None and row.number != number:
                raise OrderConflictError(f"batch {batch} belongs to order {row.number}", field="lot")
            if row is None:
                session.add(
                    AssignedBatchRow(
                        plant=self.plant,
                        gtin=str(batch.gtin),
                        lot=str(batch.lot),
                        number=number,
                        assigned=self.now(),
                    )
                )

    def batches(self, number: str) -> list[BatchKey]:
        """Return the batches of an order: the assigned ones, and the lot that the order plans."""
        with self.read() as session:
            order = _stored(self._row(session, number)).order
            keys = self._batches(session, number)
            if order.lot is not None:
                planned = BatchKey(order.gtin, order.lot)
                owner = session.get(AssignedBatchRow, (self.plant, str(planned.gtin), str(planned.lot)))
                if planned not in keys and owner is None:
                    keys.append(planned)
            return keys

    def order_of(self, batch: BatchKey) -> str | None:
        """Return the order that a batch is assigned to; None if it is not assigned."""
        with self.read() as session:
            row = session.get(AssignedBatchRow, (self.plant, str(batch.gtin), str(batch.lot)))
            return None if row is None else row.number

    def count(self) -> int:
        """Return the number of orders."""
        with self.read() as session:
            return session.scalar(select(func.count()).select_from(OrderRow).where(OrderRow.plant == self.plant)) or 0

    def state(self) -> tuple[object, ...]:
        """Return a value that changes when an order or an assignment changes."""
        with self.read() as session:
            imports = session.scalar(select(func.max(ImportRow.id)).where(ImportRow.plant == self.plant))
            batches = select(func.count()).select_from(AssignedBatchRow).where(AssignedBatchRow.plant == self.plant)
            return imports, session.scalar(batches)

    def _batches(self, session: Session, number: str) -> list[BatchKey]:
        statement = (
            select(AssignedBatchRow)
            .where(AssignedBatchRow.plant == self.plant, AssignedBatchRow.number == number)
            .order_by(AssignedBatchRow.assigned, AssignedBatchRow.lot)
        )
        return [BatchKey.parse(row.gtin, row.lot) for row in session.scalars(statement)]

    def _row(self, session: Session, number: str) -> OrderRow:
        row = session.get(OrderRow, (self.plant, number))
        if row is None:
            raise OrderNotFoundError(f"order {number!r:.80} does not exist", field="order")
        return row


def _stored(row: OrderRow) -> StoredOrder:
    return StoredOrder(Order.from_dict(json.loads(row.content)), row.version, row.received, row.changed)
