"""Follows the chain's events into the index."""

from __future__ import annotations

import threading
from collections.abc import Callable

from chromatrace.chain.rpc import RpcClient
from chromatrace.index.database import Index
from chromatrace.index.views import SyncProgress


class Follower:
    """Brings an index up to the chain."""

    def __init__(
        self,
        index: Index,
        rpc: RpcClient,
        manifest: object,
        confirmations: int = 0,
        *,
        finalized: bool = False,
        lock_timeout_s: float = 10.0,
    ) -> None:
        self.index = index

    def sync(self, progress: Callable[[SyncProgress], None] | None = None) -> SyncProgress:
        """Indexes all that the chain has now."""
        raise NotImplementedError

    def run(self, stop: threading.Event, poll_s: float = 0.5) -> None:
        """Follows until `stop` is set."""
        raise NotImplementedError
