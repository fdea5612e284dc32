"""Wait for Anvil's blocks, and revert a shared Anvil to a snapshot."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

_CONNECTIONS = Path("/proc/net/tcp")
_CLOSE_WAIT = "08"
"""TCP state: the other end has closed the connection, this end has not."""
_UNUSED_ACCOUNT = "0x" + "b10c".zfill(40)


def wait_until_mined(rpc):
    """Wait until every sent transaction is in a block: Anvil responds to a transaction before its block exists.

    Do not use this on a chain without automatic mining, or with transactions that cannot be included.
    """
    deadline = time.monotonic() + 120
    while any(int(count, 16) for count in rpc.call("txpool_status").values()):
        assert time.monotonic() < deadline, "transactions are left in the pool"
        time.sleep(0.002)


@contextmanager
def reverted_afterwards(rpc):
    """Revert Anvil to its present state at the end of the context.

    Two snapshots are taken. A block of a killed process may be made during the first revert; then the second is used.
    """
    height = rpc.call("eth_blockNumber")
    snapshots = [rpc.call("evm_snapshot"), rpc.call("evm_snapshot")]
    yield
    _wait_until_idle(rpc)
    if rpc.call("anvil_getAutomine"):
        _mine_last_block(rpc)
    while not (revert(rpc, snapshots.pop()) and _wait_until_idle(rpc) and rpc.call("eth_blockNumber") == height):
        assert snapshots, "another process still writes to the chain"


def revert(rpc, snapshot):
    """Revert Anvil to a snapshot after it has made the blocks of all received transactions; return whether it did.

    Anvil responds to a transaction before its block exists. A block that is made during a revert stays without its
    ancestors, which corrupts the chain.
    """
    _wait_until_idle(rpc)
    return rpc.call("evm_revert", snapshot)


def _mine_last_block(rpc):
    """Wait for the block of a new transaction, after which no planned block is left.

    Of many transactions at once, Anvil plans one block for each look at its pool. Some of these blocks are still to be
    made, without transactions, when the pool is empty.
    """
    rpc.call("anvil_setBalance", _UNUSED_ACCOUNT, hex(10**18))
    rpc.call("anvil_impersonateAccount", _UNUSED_ACCOUNT)
    sent = rpc.call("eth_sendTransaction", {"from": _UNUSED_ACCOUNT, "to": _UNUSED_ACCOUNT})
    deadline = time.monotonic() + 180
    while rpc.call("eth_getTransactionReceipt", sent) is None:
        assert time.monotonic() < deadline, "the last transaction is not included"
        time.sleep(0.002)
    rpc.call("anvil_stopImpersonatingAccount", _UNUSED_ACCOUNT)


def _wait_until_idle(rpc):
    """Wait until the node has no unread request and no pending transaction; return True."""
    deadline = time.monotonic() + 180
    while _has_unread_requests(rpc) or rpc.call("txpool_status")["pending"] != "0x0":
        assert time.monotonic() < deadline, "a transaction is not included; check that the node produces blocks"
        time.sleep(0.005)
    return True


def _has_unread_requests(rpc):
    """Return whether the node still has to serve a connection that the client closed. Known on Linux only."""
    if not _CONNECTIONS.exists():
        return False
    port = f":{urlsplit(rpc.url).port:04X}"
    rows = (line.split() for line in _CONNECTIONS.read_text(encoding="ascii").splitlines()[1:])
    return any(local.endswith(port) and state == _CLOSE_WAIT for _, local, _, state, *_ in rows)
