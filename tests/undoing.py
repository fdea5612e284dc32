"""Takes a shared chain back to where it was."""

from __future__ import annotations

import time


def undo(rpc, mark):
    """Reverts Anvil to the snapshot `mark`, once it has made the blocks of all that it took in; whether it did.

    Anvil answers a transaction before its block is there, and a block that ends during a revert stays, without those
    before it: whoever reads that chain later finds it broken. What waits for a block that nobody makes is not waited
    for long.
    """
    until, quiet = time.monotonic() + 5, 0
    while quiet < 2 and time.monotonic() < until:
        # Twice, since somebody who was killed may have sent what the node has not read yet.
        quiet = quiet + 1 if rpc.call("txpool_status")["pending"] == "0x0" else 0
        time.sleep(0.005)
    return rpc.call("evm_revert", mark)
