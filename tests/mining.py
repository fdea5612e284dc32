"""Waiting for a development chain's blocks."""

from __future__ import annotations

import time


def mined(rpc):
    """Returns when blocks have all that was sent: Anvil answers a transaction before its block is there.

    Not for a chain that makes no blocks of itself, or that holds what can never be in one.
    """
    deadline = time.monotonic() + 120
    while any(int(count, 16) for count in rpc.call("txpool_status").values()):
        assert time.monotonic() < deadline, "transactions are left over"
        time.sleep(0.002)
