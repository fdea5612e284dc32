"""The follower's bookkeeping, and the chain itself as far as it has events of ours."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, LargeBinary, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from chromatrace.index.models.base import Bookkeeping, Content, RowNumber


class Deployment(Bookkeeping):
    """The one chain and deployment that this database is of."""

    __tablename__ = "deployment"
    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    chain_id: Mapped[int] = mapped_column(BigInteger)
    genesis_hash: Mapped[bytes] = mapped_column(LargeBinary)
    contracts_hash: Mapped[bytes] = mapped_column(LargeBinary)
    first_block: Mapped[int] = mapped_column(BigInteger)


class Cursor(Bookkeeping):
    """How far the index is (everything up to `block_number` is in it) and what the follower last saw."""

    __tablename__ = "cursor"
    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    block_number: Mapped[int] = mapped_column(BigInteger)
    block_hash: Mapped[bytes] = mapped_column(LargeBinary)
    block_time: Mapped[int] = mapped_column(BigInteger)
    chain_head: Mapped[int] = mapped_column(BigInteger)
    chain_time: Mapped[int] = mapped_column(BigInteger)
    confirmations: Mapped[int | None] = mapped_column(BigInteger)
    checked_at: Mapped[int] = mapped_column(BigInteger)


class RecentBlock(Bookkeeping):
    """The last blocks up to the cursor, with or without events: where to look for a common ancestor first."""

    __tablename__ = "recent_blocks"
    number: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    parent_hash: Mapped[bytes] = mapped_column(LargeBinary)
    time: Mapped[int] = mapped_column(BigInteger)


class Block(Content):
    """A block with events of ours."""

    __tablename__ = "blocks"
    number: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    time: Mapped[int] = mapped_column(BigInteger)


class Transaction(Content):
    """A transaction with events of ours."""

    __tablename__ = "transactions"
    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary, index=True)


class Event(Content):
    """A log as the chain has it. `entity` and `subject` say what it is about (see `subjects`); `name` is empty for an
    event that our ABIs do not know."""

    __tablename__ = "events"
    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    block_number: Mapped[int] = mapped_column(BigInteger)
    tx_position: Mapped[int] = mapped_column(BigInteger)
    contract: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(60))
    entity: Mapped[str] = mapped_column(String(12))
    subject: Mapped[bytes] = mapped_column(LargeBinary)
    topics: Mapped[bytes] = mapped_column(LargeBinary)
    data: Mapped[bytes] = mapped_column(LargeBinary)
    __table_args__ = (Index("ix_events_subject", "subject", "position"),)
