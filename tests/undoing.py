"""Takes a shared chain back to where it was."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

_CONNECTIONS = Path("/proc/net/tcp")
_CLOSE_WAIT = "08"
"""The other end is closed, ours is not yet."""
_NOBODY = "0x" + "b10c".zfill(40)
"""An account that no test has."""


@contextmanager
def undone(rpc):
    """Whatever is done to an Anvil meanwhile is undone.

    Of two snapshots one is for the block of somebody who was killed while sending: it may end during the revert.
    """
    height = rpc.call("eth_blockNumber")
    marks = [rpc.call("evm_snapshot"), rpc.call("evm_snapshot")]
    yield
    _rests(rpc)
    if rpc.call("anvil_getAutomine"):
        _last_block(rpc)
    while not (undo(rpc, marks.pop()) and _rests(rpc) and rpc.call("eth_blockNumber") == height):
        assert marks, "somebody still writes to the chain"


def undo(rpc, mark):
    """Reverts Anvil to the snapshot `mark`, once it has made the blocks of all that it took in; whether it did.

    Anvil answers a transaction before its block is there, and a block that ends during a revert stays, without those
    before it: whoever reads that chain later finds it broken.
    """
    _rests(rpc)
    return rpc.call("evm_revert", mark)


def _last_block(rpc):
    """Waits for the block of a transaction of our own: whatever the node meant to make before is made then.

    Of many that come at once it plans a block for each look at what waits, so that blocks are still to be made, out of
    transactions that have one, when nothing waits any more.
    """
    rpc.call("anvil_setBalance", _NOBODY, hex(10**18))
    rpc.call("anvil_impersonateAccount", _NOBODY)
    sent = rpc.call("eth_sendTransaction", {"from": _NOBODY, "to": _NOBODY})
    until = time.monotonic() + 180
    while rpc.call("eth_getTransactionReceipt", sent) is None:
        assert time.monotonic() < until, "no block has what was sent last"
        time.sleep(0.002)
    rpc.call("anvil_stopImpersonatingAccount", _NOBODY)


def _rests(rpc):
    """Waits until nothing waits to be read, and nothing for a block. True."""
    until = time.monotonic() + 180
    while _left_by_the_dead(rpc) or rpc.call("txpool_status")["pending"] != "0x0":
        assert time.monotonic() < until, "no block has what was sent: does the node make any?"
        time.sleep(0.005)
    return True


def _left_by_the_dead(rpc):
    """Whether the node has yet to read, or to answer, what somebody sent who has closed the connection or is dead.

    Linux tells it; elsewhere nobody knows.
    """
    if not _CONNECTIONS.exists():
        return False
    port = f":{urlsplit(rpc.url).port:04X}"
    rows = (line.split() for line in _CONNECTIONS.read_text(encoding="ascii").splitlines()[1:])
    return any(ours.endswith(port) and state == _CLOSE_WAIT for _, ours, _, state, *_ in rows)
