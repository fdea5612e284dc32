"""State of the follower; blocks, transactions and events of the deployment."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, LargeBinary, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from chromatrace.index.models.base import ChainTable, FollowerTable, RowNumber


class DeploymentRow(FollowerTable):
    """The chain and deployment that this database indexes; one row."""

    __tablename__ = "deployment"
    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    chain_id: Mapped[int] = mapped_column(BigInteger)
    genesis_hash: Mapped[bytes] = mapped_column(LargeBinary)
    contracts_hash: Mapped[bytes] = mapped_column(LargeBinary)
    first_block: Mapped[int] = mapped_column(BigInteger)


class CursorRow(FollowerTable):
    """The last indexed block, and the chain's head when the follower last looked; one row."""

    __tablename__ = "cursor"
    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    block_number: Mapped[int] = mapped_column(BigInteger)
    block_hash: Mapped[bytes] = mapped_column(LargeBinary)
    block_time: Mapped[int] = mapped_column(BigInteger)
    chain_head: Mapped[int] = mapped_column(BigInteger)
    chain_time: Mapped[int] = mapped_column(BigInteger)
    confirmations: Mapped[int | None] = mapped_column(BigInteger)
    checked_at: Mapped[int] = mapped_column(BigInteger)


class RecentBlockRow(FollowerTable):
    """One of the last blocks up to the cursor, with or without events; used to find a common ancestor."""

    __tablename__ = "recent_blocks"
    number: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    parent_hash: Mapped[bytes] = mapped_column(LargeBinary)
    time: Mapped[int] = mapped_column(BigInteger)


class BlockRow(ChainTable):
    """A block with events of the deployment."""

    __tablename__ = "blocks"
    number: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    time: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (Index("ix_blocks_time", "time", "number"),)


class TransactionRow(ChainTable):
    """A transaction with events of the deployment."""

    __tablename__ = "transactions"
    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary, index=True)


class EventRow(ChainTable):
    """A log of the deployment.

    `entity` and `entity_key` identify the entity that it changes, see `entities`; both are empty if it changes none.
    `name` is empty if the ABIs do not define the event.
    """

    __tablename__ = "events"
    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    block_number: Mapped[int] = mapped_column(BigInteger)
    tx_position: Mapped[int] = mapped_column(BigInteger)
    contract: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(60))
    entity: Mapped[str] = mapped_column(String(12))
    entity_key: Mapped[bytes] = mapped_column(LargeBinary)
    topics: Mapped[bytes] = mapped_column(LargeBinary)
    data: Mapped[bytes] = mapped_column(LargeBinary)
    __table_args__ = (
        Index("ix_events_entity_key", "entity_key", "position"),
        Index("ix_events_name", "name", "position"),
    )
