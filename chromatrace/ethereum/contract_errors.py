"""Reverts of the contracts as exceptions: return data to the typed error, its message and its hint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from chromatrace.ethereum.abi import ErrorAbi, contract, names
from chromatrace.ethereum.codec import Parameters, bytes_of
from chromatrace.ethereum.contract_error_arguments import render
from chromatrace.ethereum.contract_error_messages import MESSAGES
from chromatrace.ethereum.errors import AbiError, ContractConflict, ContractError

_ERROR_SELECTOR = bytes.fromhex("08c379a0")
_PANIC_SELECTOR = bytes.fromhex("4e487b71")
_ERROR_INPUTS = Parameters.of([{"name": "message", "type": "string"}])
_PANICS = {
    0x01: "assertion failed",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x21: "value out of range of its enum",
    0x32: "index out of range",
}
"""Panic codes that the contracts can raise (Solidity documentation, "Panic via assert and Error via require")."""
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})*")


@cache
def _errors() -> dict[bytes, ErrorAbi]:
    return {selector: error for name in names() for selector, error in contract(name).errors.items()}


def decode_revert(data: bytes | str | None) -> ContractError:
    """Return the exception for a revert's return data, also if the data is empty, unknown or malformed."""
    raw = bytes_of(data or b"")
    selector, rest = raw[:4], raw[4:]
    error = _errors().get(selector)
    try:
        if error is not None:
            return _contract_error(error, error.inputs.decode_named(rest))
        if selector == _ERROR_SELECTOR:
            (message,) = _ERROR_INPUTS.decode(rest)
            return ContractConflict("Error", {"message": message}, f"the contract reverted: {message}")
        if selector == _PANIC_SELECTOR:
            code = int.from_bytes(rest[:32], "big")
            return ContractConflict("Panic", {"code": code}, f"the contract panicked: {_PANICS.get(code, hex(code))}")
    except AbiError as malformed:
        return ContractConflict("Undecodable", {"data": raw}, f"the contract reverted with {malformed.message}")
    if not raw:
        return ContractConflict(
            "EmptyRevert",
            {},
            "the contract reverted without a reason",
            hint="the address may hold another contract, or the call ran out of gas",
        )
    return ContractConflict(
        "UnknownError",
        {"data": raw},
        f"the contract reverted with the unknown error 0x{selector.hex()}",
        hint="the deployed contracts are newer than this software; check the manifest",
    )


def revert_data(data: object) -> bytes | None:
    """Return a revert's return data from a JSON-RPC error's `data`; Anvil, geth and Besu put it in different places."""
    if isinstance(data, str):
        digits = _HEX.search(data)
        return bytes.fromhex(digits[0][2:]) if digits else None
    if isinstance(data, Mapping):
        for key in ("result", "data", "output", "return", "originalError"):
            if key in data:
                return revert_data(data[key])
    return None


def _contract_error(error: ErrorAbi, args: Mapping[str, Any]) -> ContractError:
    rendered = {name: render(name, value, error.internal_types[name]) for name, value in args.items()}
    message = MESSAGES.get(error.name)
    if message is None:
        listed = ", ".join(f"{name}={value}" for name, value in rendered.items())
        return ContractConflict(error.name, args, f"the contract reverted with {error.name}({listed})")
    text = message.text.format_map(rendered)
    return message.category(error.name, args, text, field=message.field, hint=message.hint)
