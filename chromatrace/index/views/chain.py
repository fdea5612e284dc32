"""What stands on the chain as it came, and how far the index has followed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EventRef:
    """Where on the chain something was recorded. `block_time` in Unix seconds, hashes of 32 bytes."""

    block_number: int
    block_hash: bytes
    block_time: int
    tx_hash: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class EventView(EventRef):
    """One event as the contract emitted it; `args` by their names in the ABI."""

    contract: str
    name: str
    args: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class TransactionView:
    """A transaction that emitted events of ours, with them."""

    tx_hash: bytes
    block_number: int
    block_hash: bytes
    block_time: int
    events: tuple[EventView, ...]


@dataclass(frozen=True, slots=True)
class HeadView:
    """How far the index is, and how far behind the chain's head when the follower last looked.

    `checked_at` is the follower's clock at that look, Unix seconds; None: no follower has run yet, and then
    `indexed_block` is -1 (nothing).
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
        """Blocks between the indexed one and the chain's head; None before the first look."""
        return None if self.chain_head is None else max(0, self.chain_head - self.indexed_block)

    @property
    def lag_s(self) -> int | None:
        """Seconds of chain time between the two; None before the first look or the first block."""
        if self.chain_time is None or self.indexed_time is None:
            return None
        return max(0, self.chain_time - self.indexed_time)


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """What one `Follower.sync` did. `undone_blocks`: indexed blocks that the chain no longer has."""

    from_block: int
    indexed_block: int
    chain_head: int
    events: int
    undone_blocks: int
    undone_events: int

    @property
    def changed(self) -> bool:
        """Whether anything was written or undone but the cursor."""
        return bool(self.events or self.undone_events)
