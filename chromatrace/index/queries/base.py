"""What every query stands on: rows of a statement, and the events that rows refer to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Row, Select, select

from chromatrace.index.models import POSITION_BITS, Block, Event, Transaction, block_of
from chromatrace.index.views import EventRef

CHUNK = 500
"""Values in one IN list: below every database's limit of bound parameters."""

GREATEST = 2**63 - 1
"""What an integer column holds; databases fail on a greater one that is asked for."""

T = TypeVar("T")
Statement: TypeAlias = Select[*tuple[Any, ...]]
AnyRow: TypeAlias = Row[*tuple[Any, ...]]

ZERO_32 = b"\0" * 32


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """Consecutive slices of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


class Rows(ABC):
    """Somewhere that statements can be asked of."""

    @abstractmethod
    def rows(self, statement: Statement) -> Sequence[AnyRow]:
        """All rows of a statement. Raises `IndexUnavailable`."""

    def _with_refs(self, statement: Statement, *columns: str) -> tuple[Sequence[AnyRow], dict[int, EventRef]]:
        """All rows of a statement, and the events at the positions in these columns of theirs."""
        found = self.rows(statement)
        return found, self._refs(getattr(row, column) for row in found for column in columns)

    def _refs(self, positions: Iterable[int | None]) -> dict[int, EventRef]:
        """The events at those positions; None is passed over."""
        wanted = sorted({place for place in positions if place is not None})
        found: dict[int, EventRef] = {}
        for part in chunks(wanted):
            statement = (
                select(Event.position, Block.hash, Block.time, Transaction.hash)
                .join(Block, Block.number == Event.block_number)
                .join(Transaction, Transaction.position == Event.tx_position)
                .where(Event.position.in_(part))
            )
            for place, block_hash, block_time, tx_hash in self.rows(statement):
                found[place] = EventRef(block_of(place), block_hash, block_time, tx_hash, log_index_of(place))
        return found


def log_index_of(place: int) -> int:
    """The log index of an event's position."""
    return place & ((1 << POSITION_BITS) - 1)


def or_none(value: bytes) -> bytes | None:
    """The chain's zero word as None."""
    return None if value == ZERO_32 else value


def first(items: tuple[T, ...]) -> T | None:
    """The first of them, or None."""
    return items[0] if items else None
