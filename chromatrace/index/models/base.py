"""Positions, column types and the base classes of tables."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, Table
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

POSITION_BITS = 20
_TWO_63, _TWO_64 = 1 << 63, 1 << 64


def position(block_number: int, index: int) -> int:
    """Return the position of a log or transaction by its index in the block."""
    return block_number << POSITION_BITS | index


def first_position(block_number: int) -> int:
    """Return the lowest position of a block: all positions from there on are in this block or later ones."""
    return block_number << POSITION_BITS


def block_of(position: int) -> int:
    """Return the block number of a position."""
    return position >> POSITION_BITS


def to_signed(value: int) -> int:
    """Return the stored form of a uint64."""
    return value if value < _TWO_63 else value - _TWO_64


def to_unsigned(value: int) -> int:
    """Return the uint64 of its stored form."""
    return value if value >= 0 else value + _TWO_64


class Unsigned64(TypeDecorator[int]):
    """A uint64 in a signed 64-bit column."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        """Convert to the stored form."""
        return None if value is None else to_signed(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> int | None:
        """Convert from the stored form."""
        return None if value is None else to_unsigned(value)


RowNumber = BigInteger().with_variant(Integer, "sqlite")
"""An integer primary key. As `INTEGER PRIMARY KEY`, it is SQLite's rowid and needs no index of its own."""

WITHOUT_ROWID = {"sqlite_with_rowid": False}
"""For small rows with a composite key: SQLite stores them in the key's B-tree."""


class IndexTable(DeclarativeBase):
    """Base of all tables of the index."""


class ChainTable(IndexTable):
    """A table determined by the chain alone: part of the digest, emptied by a rebuild."""

    __abstract__ = True


class FollowerTable(IndexTable):
    """A table of the follower's state."""

    __abstract__ = True


def table_of(model: type[IndexTable]) -> Table:
    """Return the table of a model."""
    table = model.__table__
    assert isinstance(table, Table)
    return table
