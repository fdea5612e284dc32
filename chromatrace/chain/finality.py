"""Which block of a chain counts as final, and how long a block takes until it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chromatrace.chain.transaction_sender import DeliveryPolicy
from chromatrace.ethereum.errors import RpcError
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.ethereum.signer import DEV_CHAINS

_INTERVAL_BLOCKS = 32
"""Blocks over which the mean time between blocks is measured."""


@dataclass(frozen=True, slots=True)
class Finality:
    """The newest block and the newest final block.

    head, head_hash  newest block
    head_time_s      its time, Unix seconds
    final            number of the newest final block; -1: none
    interval_s       mean time between the last blocks; 0 if the node makes a block for each transaction
    delay_s          time after which the node counts a new block as final
    """

    head: int
    head_hash: str
    head_time_s: int
    final: int
    interval_s: float
    delay_s: float


def read_finality(rpc: RpcClient, chain_id: int, confirmations: int | None = None) -> Finality:
    """Read which block is final.

    confirmations  number of blocks on top of a final block. None: the chain's `finalized` block; 12 blocks if the chain
                   has none; the newest block if a development node makes blocks for transactions only

    Raises `RpcError`, `ChainUnavailableError`.
    """
    latest, finalized, automine = rpc.batch_outcomes(
        [
            ("eth_getBlockByNumber", ["latest", False]),
            ("eth_getBlockByNumber", ["finalized", False]),
            ("anvil_getAutomine", []),
        ]
    )
    if isinstance(latest, RpcError):
        raise latest
    head, time_s = int(latest["number"], 16), int(latest["timestamp"], 16)
    on_demand = chain_id in DEV_CHAINS and automine is True
    interval_s = 0.0 if on_demand else _interval_s(rpc, head, time_s)
    if confirmations is None and on_demand:
        confirmations = 0
    if confirmations is None and isinstance(finalized, dict):
        final = int(finalized["number"], 16)
        delay_s = max(0.0, time_s - int(finalized["timestamp"], 16)) + interval_s
    else:
        depth = DeliveryPolicy().confirmations if confirmations is None else confirmations
        final, delay_s = max(head - depth, -1), depth * interval_s
    return Finality(head, latest["hash"], time_s, final, interval_s, delay_s)


def _interval_s(rpc: RpcClient, head: int, time_s: int) -> float:
    # Block 0 is excluded: its time is often that of the chain's configuration.
    first = max(1, head - _INTERVAL_BLOCKS)
    if first >= head:
        return 0.0
    earlier: dict[str, Any] | None = rpc.call("eth_getBlockByNumber", hex(first), False)
    return 0.0 if earlier is None else max(0.0, (time_s - int(earlier["timestamp"], 16)) / (head - first))
