"""Events and transactions, and the state of the index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chromatrace.index.models.base import position


@dataclass(frozen=True, slots=True)
class EventRef:
    """Reference to an event on the chain. `block_time` is in Unix seconds; hashes have 32 bytes."""

    block_number: int
    block_hash: bytes
    block_time: int
    tx_hash: bytes
    log_index: int

    @property
    def position(self) -> int:
        """The order on the chain."""
        return position(self.block_number, self.log_index)


@dataclass(frozen=True, slots=True)
class EventView(EventRef):
    """A decoded event; `args` by their names in the ABI."""

    contract: str
    name: str
    args: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class TransactionView:
    """A transaction and its events of the deployment."""

    tx_hash: bytes
    block_number: int
    block_hash: bytes
    block_time: int
    events: tuple[EventView, ...]


@dataclass(frozen=True, slots=True)
class HeadView:
    """The last indexed block, and the chain's head when the follower last looked.

    `checked_at` is the time of that look by the follower's clock, in Unix seconds. It is None if no follower has run
    yet; `indexed_block` is then -1.
    """

    chain_id: int | None
    indexed_block: int
    indexed_hash: bytes | None
    indexed_time: int | None
    chain_head: int | None
    chain_time: int | None
    confirmations: int | None
    checked_at: int | None

    @property
    def lag_blocks(self) -> int | None:
        """Blocks between the last indexed one and the chain's head; None before the first look."""
        return None if self.chain_head is None else max(0, self.chain_head - self.indexed_block)

    @property
    def lag_s(self) -> int | None:
        """Chain time between the two in seconds; None before the first look or the first block."""
        if self.chain_time is None or self.indexed_time is None:
            return None
        return max(0, self.chain_time - self.indexed_time)


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """Progress of one `Follower.sync`. `undone_blocks`: indexed blocks that a reorganisation removed."""

    from_block: int
    indexed_block: int
    chain_head: int
    events: int
    undone_blocks: int
    undone_events: int

    @property
    def changed(self) -> bool:
        """Whether any event was written or undone."""
        return bool(self.events or self.undone_events)
