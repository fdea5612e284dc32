"""The follower's writes, each one database transaction that moves the cursor with what it writes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, func, select, text, update
from sqlalchemy import Index as SqlIndex

from chromatrace.index import bulk
from chromatrace.index.decoding import decode
from chromatrace.index.digest import bookkeeping_tables, content_tables
from chromatrace.index.errors import FollowerBusy
from chromatrace.index.models import (
    Block,
    Cursor,
    Deployment,
    Event,
    RecentBlock,
    Transaction,
    first_position,
)
from chromatrace.index.projections import EventRecord, Projector
from chromatrace.index.projections.entities import table_of
from chromatrace.index.queries.base import chunks
from chromatrace.index.source import WINDOW, Header, LogRange


@dataclass(frozen=True, slots=True)
class Identity:
    """Which chain and deployment a database is of. `contracts_hash` is the keccak-256 of their names and addresses."""

    chain_id: int
    genesis_hash: bytes
    contracts_hash: bytes
    first_block: int


@dataclass(frozen=True, slots=True)
class Sight:
    """What the follower last saw of the chain, for `HeadView`."""

    head: Header
    confirmations: int | None


class Store:
    """The tables from the writer's side. The writer's lock must be held."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(index_writer=True)

    # -- reading

    def identity(self) -> Identity | None:
        """Whose the database is; None: nobody's yet."""
        with self._engine.connect() as connection:
            row = connection.execute(select(Deployment)).first()
        return None if row is None else Identity(row.chain_id, row.genesis_hash, row.contracts_hash, row.first_block)

    def cursor(self) -> Header:
        """The last indexed block (its parent is not kept)."""
        with self._engine.connect() as connection:
            row = connection.execute(select(Cursor)).one()
        return Header(row.block_number, row.block_hash, b"", row.block_time)

    def recent(self) -> dict[int, bytes]:
        """Hashes by number of the last blocks, newest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(RecentBlock.number, RecentBlock.hash).order_by(RecentBlock.number.desc())
            ).all()
        return {row.number: row.hash for row in rows}

    def event_blocks_before(self, number: int, limit: int) -> dict[int, bytes]:
        """Hashes by number of the nearest blocks with events below `number`, newest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(Block.number, Block.hash).where(Block.number < number).order_by(Block.number.desc()).limit(limit)
            ).all()
        return {row.number: row.hash for row in rows}

    # -- writing

    def begin(self, identity: Identity, before: Header, sight: Sight) -> None:
        """Makes an empty database the index of `identity`; `before` is the block before the first one."""
        with self._engine.begin() as connection:
            bulk.insert(
                connection,
                table_of(Deployment),
                [
                    {
                        "id": 1,
                        "chain_id": identity.chain_id,
                        "genesis_hash": identity.genesis_hash,
                        "contracts_hash": identity.contracts_hash,
                        "first_block": identity.first_block,
                    }
                ],
            )
            bulk.insert(connection, table_of(Cursor), [{"id": 1} | _cursor_values(before, sight)])

    def defer_indexes(self) -> None:
        """Drops what only readers and undoing need: to be made at the end of a long backfill, in one go each.

        Only in SQLite: PostgreSQL would wait for every reader to look away.
        """
        if self._engine.dialect.name == "sqlite":
            with self._engine.begin() as connection:
                for index in _secondary_indexes():
                    index.drop(connection, checkfirst=True)

    def restore_indexes(self) -> None:
        """Makes again what `defer_indexes` dropped, here or in a process that was killed since."""
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
        """Empties every table."""
        with self._engine.begin() as connection:
            for table in (*content_tables(), *bookkeeping_tables()):
                connection.execute(delete(table))

    def append(self, after: Header, found: LogRange, sight: Sight) -> int:
        """Writes a range that follows `after`; returns the number of its events."""
        with self._moving(after, found.end, sight) as connection:
            blocks = [(number, block_hash, seconds) for number, (block_hash, seconds) in found.blocks.items()]
            bulk.insert_tuples(connection, table_of(Block), blocks)
            bulk.insert_tuples(connection, table_of(Transaction), list(found.transactions.items()))
            bulk.insert_tuples(connection, table_of(Event), found.rows)
            Projector(connection).apply(_records(found))
            recent = [(header.number, header.hash, header.parent, header.time) for header in found.headers]
            bulk.insert_tuples(connection, table_of(RecentBlock), recent[-WINDOW:])
            connection.execute(delete(RecentBlock).where(RecentBlock.number <= found.end.number - WINDOW))
        return len(found.rows)

    def undo(self, cursor: Header, ancestor: Header, sight: Sight) -> int:
        """Takes back every block behind `ancestor`; returns the number of events taken back.

        Every entity that those blocks touched is folded again from the events that it is left with.
        """
        low = first_position(ancestor.number + 1)
        with self._moving(cursor, ancestor, sight) as connection:
            undone = connection.scalar(select(func.count()).select_from(Event).where(Event.position >= low)) or 0
            gone = select(Event.entity, Event.subject).where(Event.position >= low, Event.entity != "").distinct()
            touched = [(row.entity, row.subject) for row in connection.execute(gone)]
            connection.execute(delete(Event).where(Event.position >= low))
            connection.execute(delete(Transaction).where(Transaction.position >= low))
            connection.execute(delete(Block).where(Block.number > ancestor.number))
            connection.execute(delete(RecentBlock).where(RecentBlock.number > ancestor.number))
            projector = Projector(connection)
            projector.forget(touched)
            for records in _remaining(connection, touched):
                projector.apply(records)
        return undone

    def look(self, cursor: Header, sight: Sight) -> None:
        """Notes what was seen of the chain, where nothing else is to be written."""
        with self._moving(cursor, cursor, sight):
            pass

    @contextmanager
    def _moving(self, before: Header, after: Header, sight: Sight) -> Iterator[Connection]:
        """A transaction that moves the cursor, and refuses where somebody else has moved it."""
        with self._engine.begin() as connection:
            row = connection.execute(select(Cursor.block_number, Cursor.block_hash).with_for_update()).one()
            if (row.block_number, row.block_hash) != (before.number, before.hash):
                raise FollowerBusy(
                    f"another follower moved this index from block {before.number} to {row.block_number}",
                    hint="one follower is enough: let it work, or stop it first",
                )
            yield connection
            connection.execute(update(Cursor).values(**_cursor_values(after, sight)))


def _secondary_indexes() -> list[SqlIndex]:
    return sorted((index for table in content_tables() for index in table.indexes), key=lambda index: str(index.name))


def optimise(engine: Engine) -> None:
    """Lets the database count its rows, so that its plans fit them; after a long backfill."""
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("ANALYZE"))


def _cursor_values(at: Header, sight: Sight) -> dict[str, int | bytes | None]:
    return {
        "block_number": at.number,
        "block_hash": at.hash,
        "block_time": at.time,
        "chain_head": sight.head.number,
        "chain_time": sight.head.time,
        "confirmations": sight.confirmations,
        "checked_at": int(time.time()),
    }


def _records(found: LogRange) -> list[EventRecord]:
    """The events to fold."""
    return [
        EventRecord(row[0], row[3], row[4], row[5], row[6], arguments)
        for row, arguments in zip(found.rows, found.arguments, strict=True)
        if arguments is not None
    ]


def _remaining(connection: Connection, touched: Sequence[tuple[str, bytes]]) -> Iterator[list[EventRecord]]:
    """The events that the touched entities are left with, a portion of entities at a time, each in its order."""
    for part in chunks(touched):
        wanted = set(part)
        statement = (
            select(Event.position, Event.contract, Event.name, Event.entity, Event.subject, Event.topics, Event.data)
            .where(Event.subject.in_(_distinct(subject for _, subject in part)))
            .order_by(Event.position)
        )
        yield [
            EventRecord(
                row.position,
                row.contract,
                row.name,
                row.entity,
                row.subject,
                decode(row.contract, row.topics, row.data)[1],
            )
            for row in connection.execute(statement)
            if (row.entity, row.subject) in wanted
        ]


def _distinct(items: Iterable[bytes]) -> list[bytes]:
    return list(dict.fromkeys(items))
