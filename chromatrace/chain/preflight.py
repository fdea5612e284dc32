"""Trying a call before it takes a nonce: what the contract would refuse is refused here, decoded."""

from __future__ import annotations

from collections.abc import Sequence

from chromatrace.chain.records import Draft, Entry
from chromatrace.ethereum.contract_errors import decode_revert, revert_data
from chromatrace.ethereum.errors import ContractError, ContractInvalidInput, InsufficientFundsError, RpcError
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.ethereum.signer import DEV_CHAINS
from chromatrace.ethereum.transaction import TX_GAS_CAP

_MARGIN_PERCENT = 25
_BATCH = 100
_GAS_WORDS = ("gas required exceeds", "out of gas", "outofgas", "gas limit", "gas too high", "exceeds transaction gas")


def needed_gas(rpc: RpcClient, sender: str, calls: Sequence[Draft | Entry], gas_cap: int) -> list[int | ContractError]:
    """For each call its gas limit, or why it is refused. Calls are tried one by one against the newest block.

    A call without a gas limit gets the node's estimate and a quarter more; one with a limit is tried with that limit.
    """
    cap = min(TX_GAS_CAP, gas_cap)
    outcomes: list[int | ContractError] = []
    for start in range(0, len(calls), _BATCH):
        some = calls[start : start + _BATCH]
        answers = rpc.batch_outcomes([_request(sender, call, cap) for call in some])
        for call, answer in zip(some, answers, strict=True):
            if isinstance(answer, RpcError):
                outcomes.append(contract_error(answer, cap))
            elif call.gas is not None:
                outcomes.append(call.gas)
            else:
                estimate = int(answer, 16)
                outcomes.append(min(cap, estimate * (100 + _MARGIN_PERCENT) // 100))
    return outcomes


def _request(sender: str, call: Draft | Entry, cap: int) -> tuple[str, list[object]]:
    fields = {"from": sender, "to": "0x" + call.recipient.hex(), "data": "0x" + call.data.hex()}
    if call.gas is None:
        return "eth_estimateGas", [{**fields, "gas": hex(cap)}]
    return "eth_call", [{**fields, "gas": hex(call.gas)}, "latest"]


def contract_error(error: RpcError, cap: int = TX_GAS_CAP) -> ContractError:
    """The contract's refusal inside a node's error; raises the error itself where it is none."""
    data = revert_data(error.data)
    words = error.node_message.lower()
    if data or "revert" in words:
        return decode_revert(data)
    if any(part in words for part in _GAS_WORDS):
        return ContractInvalidInput(
            "OutOfGas",
            {"cap": cap},
            f"the call needs more than the {cap:,} gas that one transaction may take",
            field="calls",
            hint="split it into smaller calls",
        )
    if "insufficient funds" in words:
        raise no_funds(error.node_message) from error
    raise error


def no_funds(why: str, sender: str = "the address that signs", chain_id: int | None = None) -> InsufficientFundsError:
    """The signer's account is empty: who puts what right, as far as sender and chain are known."""
    if chain_id in DEV_CHAINS:
        hint = f"on this development chain: `chromatrace key fund {sender}`"
    else:
        where = "" if chain_id is None else f" on chain {chain_id}"
        hint = f"whoever keeps the organisation's money sends {sender} enough of the chain's currency for gas{where}"
    return InsufficientFundsError(why, field="signer", hint=hint)
