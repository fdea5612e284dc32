"""Positions, column types and the two kinds of table."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

POSITION_BITS = 20
_TWO_63, _TWO_64 = 1 << 63, 1 << 64


def position(block_number: int, place: int) -> int:
    """The position of the `place`-th log or transaction of a block."""
    return block_number << POSITION_BITS | place


def first_position(block_number: int) -> int:
    """The lowest position in a block; everything at or above belongs to it or to later ones."""
    return block_number << POSITION_BITS


def block_of(place: int) -> int:
    """The block of a position."""
    return place >> POSITION_BITS


def to_signed(value: int) -> int:
    """A uint64 as the signed integer that is stored."""
    return value if value < _TWO_63 else value - _TWO_64


def to_unsigned(value: int) -> int:
    """The uint64 that a stored integer stands for."""
    return value if value >= 0 else value + _TWO_64


class Unsigned64(TypeDecorator[int]):
    """A uint64 in a signed 64-bit column."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        """To the database."""
        return None if value is None else to_signed(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> int | None:
        """From the database."""
        return None if value is None else to_unsigned(value)


RowNumber = BigInteger().with_variant(Integer, "sqlite")
"""An integer that is a table's whole key: by this name SQLite keeps the rows under it, without a second tree."""

ONE_TREE = {"sqlite_with_rowid": False}
"""For small rows under a key of several columns: SQLite keeps them in the key's own tree."""


class Base(DeclarativeBase):
    """All tables of the index."""


class Content(Base):
    """A table that the chain alone determines: part of `digest`, emptied by a rebuild."""

    __abstract__ = True


class Bookkeeping(Base):
    """A table of the follower's own."""

    __abstract__ = True
