"""Takes a shared chain back to where it was."""

from __future__ import annotations

import time
from contextlib import contextmanager


@contextmanager
def undone(rpc):
    """Whatever is done to an Anvil meanwhile is undone.

    Of two snapshots one is for the block of somebody who was killed while sending: it may end during the revert.
    """
    height = rpc.call("eth_blockNumber")
    marks = [rpc.call("evm_snapshot"), rpc.call("evm_snapshot")]
    yield
    while not (undo(rpc, marks.pop()) and _rests(rpc) and rpc.call("eth_blockNumber") == height):
        assert marks, "somebody still writes to the chain"


def undo(rpc, mark):
    """Reverts Anvil to the snapshot `mark`, once it has made the blocks of all that it took in; whether it did.

    Anvil answers a transaction before its block is there, and a block that ends during a revert stays, without those
    before it: whoever reads that chain later finds it broken.
    """
    _rests(rpc)
    return rpc.call("evm_revert", mark)


def _rests(rpc):
    """Waits until nothing waits for a block, for 5 s at most, since nobody may make one. True."""
    until, quiet = time.monotonic() + 5, 0
    while quiet < 2 and time.monotonic() < until:
        # Twice, since the node may not have read yet what was sent last.
        quiet = quiet + 1 if rpc.call("txpool_status")["pending"] == "0x0" else 0
        time.sleep(0.005)
    return True
