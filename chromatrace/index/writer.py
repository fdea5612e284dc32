"""Writes of the follower. Each is one database transaction that also moves the cursor."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Index, delete, func, select, text, update

from chromatrace.index import bulk
from chromatrace.index.chain_reader import WINDOW, HeaderSummary, LogRange
from chromatrace.index.decoding import decode_event
from chromatrace.index.digest import chain_tables, follower_tables
from chromatrace.index.errors import FollowerBusyError
from chromatrace.index.models import (
    BlockRow,
    CursorRow,
    DeploymentRow,
    EventRow,
    RecentBlockRow,
    TransactionRow,
    first_position,
    table_of,
)
from chromatrace.index.projections import EventRecord, Projector
from chromatrace.index.queries.base import chunks
from chromatrace.storage.sql import WRITES


@dataclass(frozen=True, slots=True)
class IndexedDeployment:
    """The chain and deployment of a database. `contracts_hash`: keccak-256 of the contracts' names and addresses."""

    chain_id: int
    genesis_hash: bytes
    contracts_hash: bytes
    first_block: int


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """The chain's head when the follower last looked, and its number of confirmations (None: finalized blocks)."""

    head: HeaderSummary
    confirmations: int | None


class IndexWriter:
    """The tables, for the holder of the writer lock."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(**{WRITES: True})

    def deployment(self) -> IndexedDeployment | None:
        """Return the deployment of the database, or None if the database is empty."""
        with self._engine.connect() as connection:
            row = connection.execute(select(DeploymentRow)).first()
        if row is None:
            return None
        return IndexedDeployment(row.chain_id, row.genesis_hash, row.contracts_hash, row.first_block)

    def cursor(self) -> HeaderSummary:
        """Return the last indexed block, without its parent hash."""
        with self._engine.connect() as connection:
            row = connection.execute(select(CursorRow)).one()
        return HeaderSummary(row.block_number, row.block_hash, b"", row.block_time)

    def recent_blocks(self) -> dict[int, bytes]:
        """Return the last blocks, newest first: number -> hash."""
        statement = select(RecentBlockRow.number, RecentBlockRow.hash).order_by(RecentBlockRow.number.desc())
        with self._engine.connect() as connection:
            return {row.number: row.hash for row in connection.execute(statement)}

    def event_blocks_before(self, number: int, limit: int) -> dict[int, bytes]:
        """Return the nearest blocks with events below `number`, newest first: number -> hash."""
        statement = (
            select(BlockRow.number, BlockRow.hash)
            .where(BlockRow.number < number)
            .order_by(BlockRow.number.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return {row.number: row.hash for row in connection.execute(statement)}

    def begin(self, deployment: IndexedDeployment, before: HeaderSummary, status: ChainStatus) -> None:
        """Start the index of a deployment in an empty database; `before` is the block before the first one."""
        row = {
            "id": 1,
            "chain_id": deployment.chain_id,
            "genesis_hash": deployment.genesis_hash,
            "contracts_hash": deployment.contracts_hash,
            "first_block": deployment.first_block,
        }
        with self._engine.begin() as connection:
            bulk.insert(connection, table_of(DeploymentRow), [row])
            bulk.insert(connection, table_of(CursorRow), [{"id": 1} | _cursor_values(before, status)])

    def drop_secondary_indexes(self) -> None:
        """Drop the indexes that only queries and undoing need, because creating them after a long backfill is faster.

        In SQLite only: PostgreSQL would have to wait for all readers.
        """
        if self._engine.dialect.name == "sqlite":
            with self._engine.begin() as connection:
                for index in _secondary_indexes():
                    index.drop(connection, checkfirst=True)

    def create_secondary_indexes(self) -> None:
        """Create the indexes that `drop_secondary_indexes` dropped, also in a process that was killed since."""
        if self._engine.dialect.name != "sqlite":
            return
        with self._engine.connect() as connection:
            present = set(connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'index'")))
            missing = [index for index in _secondary_indexes() if index.name not in present]
        if not missing:
            return
        with self._engine.begin() as connection:
            for index in missing:
                index.create(connection)

    def clear(self) -> None:
        """Delete the rows of all tables."""
        with self._engine.begin() as connection:
            for table in (*chain_tables(), *follower_tables()):
                connection.execute(delete(table))

    def append(self, after: HeaderSummary, logs: LogRange, status: ChainStatus) -> int:
        """Write a range that follows the block `after`, and return its number of events."""
        with self._moving_cursor(after, logs.end, status) as connection:
            blocks = [(number, block_hash, seconds) for number, (block_hash, seconds) in logs.blocks.items()]
            bulk.insert_tuples(connection, table_of(BlockRow), blocks)
            bulk.insert_tuples(connection, table_of(TransactionRow), list(logs.transactions.items()))
            bulk.insert_tuples(connection, table_of(EventRow), logs.rows)
            Projector(connection).apply(_projected_events(logs))
            recent = [(header.number, header.hash, header.parent, header.time) for header in logs.headers]
            bulk.insert_tuples(connection, table_of(RecentBlockRow), recent[-WINDOW:])
            connection.execute(delete(RecentBlockRow).where(RecentBlockRow.number <= logs.end.number - WINDOW))
        return len(logs.rows)

    def undo(self, cursor: HeaderSummary, ancestor: HeaderSummary, status: ChainStatus) -> int:
        """Delete all blocks after `ancestor`, and return the number of deleted events.

        Every entity that their events changed is projected again from its remaining events.
        """
        low = first_position(ancestor.number + 1)
        undone = EventRow.position >= low
        with self._moving_cursor(cursor, ancestor, status) as connection:
            count = connection.scalar(select(func.count()).select_from(EventRow).where(undone)) or 0
            statement = select(EventRow.entity, EventRow.entity_key).where(undone, EventRow.entity != "").distinct()
            entities = [(row.entity, row.entity_key) for row in connection.execute(statement)]
            connection.execute(delete(EventRow).where(undone))
            connection.execute(delete(TransactionRow).where(TransactionRow.position >= low))
            connection.execute(delete(BlockRow).where(BlockRow.number > ancestor.number))
            connection.execute(delete(RecentBlockRow).where(RecentBlockRow.number > ancestor.number))
            projector = Projector(connection)
            projector.delete(entities)
            for events in _events_of(connection, entities):
                projector.apply(events)
        return count

    def record_status(self, cursor: HeaderSummary, status: ChainStatus) -> None:
        """Record the chain's head if there is nothing else to write."""
        with self._moving_cursor(cursor, cursor, status):
            pass

    @contextmanager
    def _moving_cursor(self, before: HeaderSummary, after: HeaderSummary, status: ChainStatus) -> Iterator[Connection]:
        """Open a transaction that moves the cursor. Raises `FollowerBusyError` if another follower has moved it."""
        with self._engine.begin() as connection:
            row = connection.execute(select(CursorRow.block_number, CursorRow.block_hash).with_for_update()).one()
            if (row.block_number, row.block_hash) != (before.number, before.hash):
                raise FollowerBusyError(
                    f"another follower moved this index from block {before.number} to {row.block_number}",
                    hint="run one follower per database",
                )
            yield connection
            connection.execute(update(CursorRow).values(**_cursor_values(after, status)))


def analyse(engine: Engine) -> None:
    """Update the statistics of the query planner, after a long backfill."""
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("ANALYZE"))


def _secondary_indexes() -> list[Index]:
    return sorted((index for table in chain_tables() for index in table.indexes), key=lambda index: str(index.name))


def _cursor_values(block: HeaderSummary, status: ChainStatus) -> dict[str, int | bytes | None]:
    return {
        "block_number": block.number,
        "block_hash": block.hash,
        "block_time": block.time,
        "chain_head": status.head.number,
        "chain_time": status.head.time,
        "confirmations": status.confirmations,
        "checked_at": int(time.time()),
    }


def _projected_events(logs: LogRange) -> list[EventRecord]:
    """Return the events that change an entity."""
    return [
        EventRecord(row[0], row[3], row[4], row[5], row[6], arguments)
        for row, arguments in zip(logs.rows, logs.arguments, strict=True)
        if arguments is not None
    ]


def _events_of(connection: Connection, entities: Sequence[tuple[str, bytes]]) -> Iterator[list[EventRecord]]:
    """Yield the events of these entities in chunks of entities, each chunk in chain order."""
    for chunk in chunks(entities):
        wanted = set(chunk)
        statement = (
            select(EventRow)
            .where(EventRow.entity_key.in_(list(dict.fromkeys(key for _, key in chunk))))
            .order_by(EventRow.position)
        )
        yield [
            EventRecord(
                row.position,
                row.contract,
                row.name,
                row.entity,
                row.entity_key,
                decode_event(row.contract, row.topics, row.data)[1],
            )
            for row in connection.execute(statement)
            if (row.entity, row.entity_key) in wanted
        ]
