"""Simulate calls before they get a nonce. A call that the contract would reject raises a typed error."""

from __future__ import annotations

from collections.abc import Sequence

from chromatrace.chain.outbox_entries import Draft, OutboxEntry
from chromatrace.ethereum.contract_errors import decode_revert, revert_data
from chromatrace.ethereum.errors import ContractError, ContractInvalidInput, InsufficientFundsError, RpcError
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.ethereum.signer import DEV_CHAINS
from chromatrace.ethereum.transaction import TX_GAS_CAP

_MARGIN_PERCENT = 25
_BATCH = 100
_GAS_MESSAGES = (
    "gas required exceeds",
    "out of gas",
    "outofgas",
    "gas limit",
    "gas too high",
    "exceeds transaction gas",
)


def needed_gas(
    rpc: RpcClient, sender: str, calls: Sequence[Draft | OutboxEntry], gas_cap: int
) -> list[int | ContractError]:
    """Return the gas limit of each call, or the error that it meets in the newest block.

    A call without a gas limit gets the node's estimate plus a quarter; a call with a limit is tried with that limit.
    """
    cap = min(TX_GAS_CAP, gas_cap)
    outcomes: list[int | ContractError] = []
    for start in range(0, len(calls), _BATCH):
        chunk = calls[start : start + _BATCH]
        answers = rpc.batch_outcomes([_request(sender, call, cap) for call in chunk])
        for call, answer in zip(chunk, answers, strict=True):
            if isinstance(answer, RpcError):
                outcomes.append(contract_error(answer, cap))
            elif call.gas is not None:
                outcomes.append(call.gas)
            else:
                estimate = int(answer, 16)
                outcomes.append(min(cap, estimate * (100 + _MARGIN_PERCENT) // 100))
    return outcomes


def _request(sender: str, call: Draft | OutboxEntry, cap: int) -> tuple[str, list[object]]:
    fields = {"from": sender, "to": "0x" + call.recipient.hex(), "data": "0x" + call.data.hex()}
    if call.value_wei:
        fields["value"] = hex(call.value_wei)
    if call.gas is None:
        return "eth_estimateGas", [{**fields, "gas": hex(cap)}]
    return "eth_call", [{**fields, "gas": hex(call.gas)}, "latest"]


def contract_error(error: RpcError, cap: int = TX_GAS_CAP) -> ContractError:
    """Return the contract's error in a node's error. Raises the node's error if it has none."""
    data = revert_data(error.data)
    message = error.node_message.lower()
    if data or "revert" in message:
        return decode_revert(data)
    if any(part in message for part in _GAS_MESSAGES):
        return ContractInvalidInput(
            "OutOfGas",
            {"cap": cap},
            f"the call needs more than the {cap:,} gas that one transaction may use",
            field="calls",
            hint="split it into smaller calls",
        )
    if "insufficient funds" in message:
        raise insufficient_funds(error.node_message) from error
    raise error


def insufficient_funds(
    message: str, sender: str = "the signer's address", chain_id: int | None = None
) -> InsufficientFundsError:
    """Return the error for an account that cannot pay for gas, with what to do on its chain."""
    if chain_id in DEV_CHAINS:
        hint = f"run `chromatrace key fund {sender}`"
    else:
        chain = "" if chain_id is None else f" of chain {chain_id}"
        hint = f"send it enough currency{chain}: `chromatrace --keystore FUNDED key send {sender} --ether AMOUNT`"
    return InsufficientFundsError(message, field="signer", hint=hint)
