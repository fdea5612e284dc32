"""Which of many calls the chain has, told by the events that they emitted: one request instead of a receipt for each.

A transaction that left an event did not fail, so that its receipt would add the gas alone. Development nodes compute a
receipt by going through its whole block (Anvil 1.6: 0.2 ms each in a block of 400, 1 ms in one of 2,000; the events of
the same block: 0.014 ms each).
"""

from __future__ import annotations

from collections.abc import Sequence

from chromatrace.chain.records import Inclusion, OpenAttempt
from chromatrace.ethereum.codec import bytes_of
from chromatrace.ethereum.errors import RpcError
from chromatrace.ethereum.rpc import RpcClient

_WORTHWHILE = 50
_WIDEST = 32
"""Blocks asked for at once: public nodes limit the range."""


def by_events(
    rpc: RpcClient, contracts: Sequence[str], attempts: Sequence[OpenAttempt], newest: int
) -> list[Inclusion]:
    """The inclusions among `attempts` that events of `contracts` show up to block `newest`; their gas is not known.

    Answers with nothing where there are few attempts, they were sent too long ago, or the node gives no such answer:
    their receipts will tell. So they do for calls that failed or emitted nothing.
    """
    if len(attempts) < _WORTHWHILE:
        return []
    first = min(newest if attempt.sent_block is None else attempt.sent_block for attempt in attempts)
    if newest - first > _WIDEST:
        return []
    where = {"fromBlock": hex(first), "toBlock": hex(newest), "address": list(contracts)}
    try:
        logs = rpc.call("eth_getLogs", where)
    except RpcError:
        return []
    blocks = {log["transactionHash"]: (log["blockNumber"], log["blockHash"]) for log in logs if not log.get("removed")}
    found = []
    for attempt in attempts:
        block = blocks.get("0x" + attempt.tx_hash.hex())
        if block is not None:
            found.append(Inclusion(attempt.call, attempt.tx_hash, int(block[0], 16), bytes_of(block[1]), None))
    return found
