"""Base of all queries: run a statement in the snapshot's transaction and resolve event positions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Connection, Row, Select, select

from chromatrace.domain.identifiers import ZERO_BYTES32
from chromatrace.index.errors import database_errors
from chromatrace.index.models import POSITION_BITS, BlockRow, EventRow, TransactionRow, block_of
from chromatrace.index.views import EventRef

CHUNK_SIZE = 500
"""Values per IN list; below the parameter limit of every supported database."""

MAX_INTEGER = 2**63 - 1
"""Largest value of an integer column; databases reject larger parameters."""

T = TypeVar("T")
Statement: TypeAlias = Select[*tuple[Any, ...]]
AnyRow: TypeAlias = Row[*tuple[Any, ...]]


class Queries:
    """Run statements on one connection, inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _rows(self, statement: Statement) -> Sequence[AnyRow]:
        with database_errors(self._connection.engine):
            return self._connection.execute(statement).all()

    def _rows_with_refs(self, statement: Statement, *columns: str) -> tuple[Sequence[AnyRow], dict[int, EventRef]]:
        """Return the rows, and the events at the positions in these columns."""
        rows = self._rows(statement)
        return rows, self._refs(getattr(row, column) for row in rows for column in columns)

    def _refs(self, positions: Iterable[int | None]) -> dict[int, EventRef]:
        """Return the events at these positions; None is skipped."""
        wanted = sorted({position for position in positions if position is not None})
        refs: dict[int, EventRef] = {}
        for chunk in chunks(wanted):
            statement = (
                select(EventRow.position, BlockRow.hash, BlockRow.time, TransactionRow.hash)
                .join(BlockRow, BlockRow.number == EventRow.block_number)
                .join(TransactionRow, TransactionRow.position == EventRow.tx_position)
                .where(EventRow.position.in_(chunk))
            )
            for position, block_hash, block_time, tx_hash in self._rows(statement):
                number, log_index = block_of(position), log_index_of(position)
                refs[position] = EventRef(number, block_hash, block_time, tx_hash, log_index)
        return refs


def chunks(items: Sequence[T], size: int = CHUNK_SIZE) -> Iterator[Sequence[T]]:
    """Yield consecutive slices of at most `size` items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def log_index_of(position: int) -> int:
    """Return the log index of an event's position."""
    return position & ((1 << POSITION_BITS) - 1)


def none_if_zero(value: bytes) -> bytes | None:
    """Return None for the chain's zero word."""
    return None if value == ZERO_BYTES32 else value


def first(items: tuple[T, ...]) -> T | None:
    """Return the first item, or None."""
    return items[0] if items else None
