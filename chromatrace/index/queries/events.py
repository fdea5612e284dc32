"""Queries about events and about the index itself."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import CompoundSelect, func, select, union_all

from chromatrace.domain.identifiers import BatchId
from chromatrace.index.decoding import decode_event
from chromatrace.index.entities import BATCH, ROUTE, STATION_KEY
from chromatrace.index.models import (
    POSITION_BITS,
    BlockRow,
    CursorRow,
    DeploymentRow,
    EventRow,
    RouteProofRow,
    RouteStepRow,
    TransactionRow,
    block_of,
    first_position,
)
from chromatrace.index.queries.base import Queries, Statement, log_index_of
from chromatrace.index.views import EventView, HeadView, TransactionView

MAX_EVENTS = 10_000


class EventQueries(Queries):
    """Queries about events and about the index itself."""

    def timeline(self, batch_id: BatchId) -> list[EventView]:
        """Return all events of a batch from all contracts, including proofs of its routes, oldest first."""
        own = select(EventRow.position).where(EventRow.entity_key == batch_id, EventRow.entity == BATCH)
        proofs = [
            select(position).where(RouteProofRow.subject == batch_id, position.is_not(None))
            for position in (RouteProofRow.proven, RouteProofRow.assembled, RouteProofRow.recorded)
        ]
        return self._events(union_all(own, *proofs))

    def route_events(self, route_id: bytes) -> list[EventView]:
        """Return all events of a designed route and of its stations' keys, oldest first."""
        keys = select(RouteStepRow.key).where(RouteStepRow.route == route_id)
        own = select(EventRow.position).where(EventRow.entity_key == route_id, EventRow.entity == ROUTE)
        stations = select(EventRow.position).where(EventRow.entity_key.in_(keys), EventRow.entity == STATION_KEY)
        return self._events(union_all(own, stations))

    def events(
        self,
        *,
        after: tuple[int, int] | None = None,
        limit: int = 1000,
        names: Collection[str] | None = None,
        entity_keys: Collection[bytes] | None = None,
        since: int | None = None,
    ) -> list[EventView]:
        """Return events in chain order, at most 10,000.

        after        continue after this (block number, log index)
        names        only events with these names
        entity_keys  only events about these entities, by their keys on the chain
        since        only events in blocks from this Unix second on
        """
        statement = select(EventRow.position)
        if names is not None:
            statement = statement.where(EventRow.name.in_(sorted(names)))
        if entity_keys is not None:
            statement = statement.where(EventRow.entity_key.in_(list(entity_keys)))
        if since is not None:
            number = self._rows(select(func.min(BlockRow.number)).where(BlockRow.time >= since))[0][0]
            if number is None:
                return []
            statement = statement.where(EventRow.position >= first_position(number))
        if after is not None:
            statement = statement.where(EventRow.position > (after[0] << POSITION_BITS | after[1]))
        return self._events(statement.order_by(EventRow.position).limit(min(limit, MAX_EVENTS)))

    def transaction(self, tx_hash: bytes) -> TransactionView | None:
        """Return a transaction with its events, or None if the index does not have it (yet)."""
        rows = self._rows(select(TransactionRow.position).where(TransactionRow.hash == tx_hash))
        if not rows:
            return None
        position = rows[0].position
        number = block_of(position)
        events = self._events(
            select(EventRow.position).where(
                EventRow.position >= first_position(number),
                EventRow.position < first_position(number + 1),
                EventRow.tx_position == position,
            )
        )
        block = self._rows(select(BlockRow).where(BlockRow.number == number))[0]
        return TransactionView(tx_hash, number, block.hash, block.time, tuple(events))

    def head(self) -> HeadView:
        """Return the last indexed block, and the chain's head when the follower last looked."""
        cursors = self._rows(select(CursorRow))
        deployments = self._rows(select(DeploymentRow.chain_id))
        chain_id = deployments[0].chain_id if deployments else None
        if not cursors:
            return HeadView(chain_id, -1, None, None, None, None, None, None)
        cursor = cursors[0]
        return HeadView(
            chain_id=chain_id,
            indexed_block=cursor.block_number,
            indexed_hash=cursor.block_hash or None,
            indexed_time=cursor.block_time if cursor.block_hash else None,
            chain_head=cursor.chain_head,
            chain_time=cursor.chain_time,
            confirmations=cursor.confirmations,
            checked_at=cursor.checked_at,
        )

    def _events(self, statement: Statement | CompoundSelect[*tuple[Any, ...]]) -> list[EventView]:
        """Return the events at the selected positions; events that the ABIs do not define are left out."""
        positions = statement.subquery()
        events = (
            select(
                EventRow.position,
                EventRow.contract,
                EventRow.topics,
                EventRow.data,
                BlockRow.hash.label("block_hash"),
                BlockRow.time,
                TransactionRow.hash.label("tx_hash"),
            )
            .join(positions, positions.c.position == EventRow.position)
            .join(BlockRow, BlockRow.number == EventRow.block_number)
            .join(TransactionRow, TransactionRow.position == EventRow.tx_position)
            .where(EventRow.name != "")
            .order_by(EventRow.position)
        )
        views = []
        for row in self._rows(events):
            name, args = decode_event(row.contract, row.topics, row.data)
            views.append(
                EventView(
                    block_number=block_of(row.position),
                    block_hash=row.block_hash,
                    block_time=row.time,
                    tx_hash=row.tx_hash,
                    log_index=log_index_of(row.position),
                    contract=row.contract,
                    name=name,
                    args=args,
                )
            )
        return views
