"""Events as the chain has them, and how far the index is."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import CompoundSelect, func, select, union_all

from chromatrace.domain.identifiers import BatchId
from chromatrace.index.decoding import decode
from chromatrace.index.models import (
    POSITION_BITS,
    Block,
    Cursor,
    Deployment,
    Event,
    RouteProof,
    RouteStep,
    Transaction,
    block_of,
)
from chromatrace.index.queries.base import Queries, Statement, log_index_of
from chromatrace.index.subjects import BATCH, ROUTE, STATION_KEY
from chromatrace.index.views import EventView, HeadView, TransactionView

MAX_EVENTS = 10_000


class EventQueries(Queries):
    """Questions about what happened, and about the index itself."""

    def timeline(self, batch_id: BatchId) -> list[EventView]:
        """Every event of a batch, proofs of its routes too, oldest first, whatever contract emitted it."""
        own = select(Event.position).where(Event.subject == batch_id, Event.entity == BATCH)
        proofs = [
            select(place).where(RouteProof.subject == batch_id, place.is_not(None))
            for place in (RouteProof.proven, RouteProof.assembled, RouteProof.recorded)
        ]
        return self._events(union_all(own, *proofs))

    def route_events(self, route_id: bytes) -> list[EventView]:
        """Every event of a designed route and of the keys of its stations, oldest first."""
        keys = select(RouteStep.key).where(RouteStep.route == route_id)
        own = select(Event.position).where(Event.subject == route_id, Event.entity == ROUTE)
        stations = select(Event.position).where(Event.subject.in_(keys), Event.entity == STATION_KEY)
        return self._events(union_all(own, stations))

    def events(
        self,
        *,
        after: tuple[int, int] | None = None,
        limit: int = 1000,
        names: Collection[str] | None = None,
        subjects: Collection[bytes] | None = None,
        since: int | None = None,
    ) -> list[EventView]:
        """Events in the order of the chain, behind (block number, log index) `after`; at most 10,000.

        Only those of these `names`, about these `subjects`, in blocks from the second `since` on, where that is given.
        """
        chosen = select(Event.position)
        if names is not None:
            chosen = chosen.where(Event.name.in_(sorted(names)))
        if subjects is not None:
            chosen = chosen.where(Event.subject.in_(list(subjects)))
        if since is not None:
            first = self._rows(select(func.min(Block.number).label("number")).where(Block.time >= since))[0].number
            if first is None:
                return []
            chosen = chosen.where(Event.position >= first << POSITION_BITS)
        if after is not None:
            chosen = chosen.where(Event.position > (after[0] << POSITION_BITS | after[1]))
        return self._events(chosen.order_by(Event.position).limit(min(limit, MAX_EVENTS)))

    def transaction(self, tx_hash: bytes) -> TransactionView | None:
        """A transaction with its events; None where the index has none of that hash (yet)."""
        found = self._rows(select(Transaction.position).where(Transaction.hash == tx_hash))
        if not found:
            return None
        place = found[0].position
        low, high = place >> POSITION_BITS << POSITION_BITS, (place >> POSITION_BITS) + 1 << POSITION_BITS
        events = self._events(
            select(Event.position).where(
                Event.position >= low, Event.position < high, Event.tx_position == place, Event.name != ""
            )
        )
        block = self._rows(select(Block.number, Block.hash, Block.time).where(Block.number == block_of(place)))[0]
        return TransactionView(tx_hash, block.number, block.hash, block.time, tuple(events))

    def head(self) -> HeadView:
        """How far the index is and how far behind the chain."""
        cursors = self._rows(select(Cursor))
        deployments = self._rows(select(Deployment.chain_id))
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

    def _events(self, chosen: Statement | CompoundSelect[*tuple[Any, ...]]) -> list[EventView]:
        places = chosen.subquery()
        statement = (
            select(
                Event.position,
                Event.contract,
                Event.topics,
                Event.data,
                Block.hash.label("block_hash"),
                Block.time,
                Transaction.hash.label("tx_hash"),
            )
            .join(places, places.c.position == Event.position)
            .join(Block, Block.number == Event.block_number)
            .join(Transaction, Transaction.position == Event.tx_position)
            .where(Event.name != "")
            .order_by(Event.position)
        )
        views = []
        for row in self._rows(statement):
            name, args = decode(row.contract, row.topics, row.data)
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
