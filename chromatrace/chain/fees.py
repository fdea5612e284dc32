"""The newest block as a sender sees it, and the fees to pay (EIP-1559). Amounts in wei per gas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chromatrace.ethereum.errors import RpcError
from chromatrace.ethereum.rpc import RpcClient

_DEFAULT_TIP_WEI = 10**9
_BUMP_NUMERATOR, _BUMP_DENOMINATOR = 1125, 1000
"""Nodes accept a replacement only if both fees rise by an eighth; most require a tenth."""


@dataclass(frozen=True, slots=True)
class Fees:
    """The two fees of a type-2 transaction."""

    max_fee_wei: int
    priority_fee_wei: int

    def bumped(self, market: Fees, ceiling_wei: int) -> Fees | None:
        """Return fees that replace these: an eighth more, or the market's. None if they exceed the ceiling."""
        raised = Fees(
            max(market.max_fee_wei, _eighth_more(self.max_fee_wei)),
            max(market.priority_fee_wei, _eighth_more(self.priority_fee_wei)),
        )
        return raised if raised.max_fee_wei <= ceiling_wei else None


def _eighth_more(fee_wei: int) -> int:
    return -(-fee_wei * _BUMP_NUMERATOR // _BUMP_DENOMINATOR) + 1


@dataclass(frozen=True, slots=True)
class FeeContext:
    """The newest block and the sender's account there.

    base_fee_wei  of the next block
    nonce         transactions of the sender in the chain up to `block`
    """

    block: int
    base_fee_wei: int
    tip_wei: int
    block_gas_limit: int
    nonce: int
    balance_wei: int

    def fees(self, ceiling_wei: int) -> Fees:
        """Return fees that suffice for six full blocks in a row, which double the base fee."""
        tip = min(self.tip_wei, ceiling_wei)
        return Fees(min(2 * self.base_fee_wei + tip, ceiling_wei), tip)

    @classmethod
    def read(cls, rpc: RpcClient, sender: str) -> FeeContext:
        """Read the values with one batch of requests."""
        block, nonce, balance, tip, history = rpc.batch_outcomes(
            [
                ("eth_getBlockByNumber", ["latest", False]),
                ("eth_getTransactionCount", [sender, "latest"]),
                ("eth_getBalance", [sender, "latest"]),
                ("eth_maxPriorityFeePerGas", []),
                ("eth_feeHistory", ["0x1", "latest", []]),
            ]
        )
        for outcome in (block, nonce, balance):
            if isinstance(outcome, RpcError):
                raise outcome
        return cls(
            block=int(block["number"], 16),
            base_fee_wei=_next_base_fee(history, block),
            tip_wei=_DEFAULT_TIP_WEI if isinstance(tip, RpcError) else int(tip, 16),
            block_gas_limit=int(block["gasLimit"], 16),
            nonce=int(nonce, 16),
            balance_wei=int(balance, 16),
        )


def _next_base_fee(history: Any, block: dict[str, Any]) -> int:
    """Return the next block's base fee if the node gives it, else the newest block's; 0 on chains without base fee."""
    fees = [] if isinstance(history, RpcError) or not history else history.get("baseFeePerGas") or []
    return int((fees[-1] if fees else block.get("baseFeePerGas")) or "0x0", 16)
