"""Reverts of contract calls, as the name and arguments of the custom error.

    assert revert_of(env.registry.assemble, batch, sender=env.producer) == Revert("WrongState", batch=batch, state=1)

Calls are simulated on the latest block; no transaction is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from brownie import project, web3
from eth_abi import decode
from eth_utils import keccak, to_checksum_address

from chromatrace.ethereum.errors import RpcError
from chromatrace.ethereum.rpc import RpcClient

PANICS = {0x11: "arithmetic overflow", 0x21: "invalid enum value", 0x32: "index out of bounds"}


@dataclass(frozen=True, init=False)
class Revert:
    """A custom error and its arguments by name."""

    name: str
    args: dict[str, Any] = field(hash=False)

    def __init__(self, name: str, **args: Any) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "args", args)


class DidNotRevert(AssertionError):
    """The call succeeded although a revert was expected."""


def revert_of(function: Any, *args: Any, sender: Any) -> Revert:
    """Return the revert of `function(*args)` called by `sender`. Raises `DidNotRevert` if the call succeeds."""
    return revert_of_data(function._address, function.encode_input(*args), sender)


def revert_of_data(to: Any, data: str, sender: Any, gas: int | None = None) -> Revert:
    """Return the revert of a call with this calldata. `gas` defaults to the gas limit of the node."""
    call = {"from": str(sender), "to": str(to), "data": data} | ({} if gas is None else {"gas": hex(gas)})
    try:
        _rpc(web3.provider.endpoint_uri).call("eth_call", call, "latest")
    except RpcError as error:
        if not isinstance(error.data, str):
            raise
        return _decoded(bytes.fromhex(error.data.removeprefix("0x")))
    raise DidNotRevert(f"{data[:10]} at {to} did not revert")


def _decoded(data: bytes) -> Revert:
    if data[:4] == keccak(b"Panic(uint256)")[:4]:
        code = int.from_bytes(data[4:], "big")
        return Revert("Panic", reason=PANICS.get(code, hex(code)))
    entry = _errors()[data[:4]]
    inputs = entry["inputs"]
    values = decode([item["type"] for item in inputs], data[4:])
    args = {item["name"]: _plain(item, value) for item, value in zip(inputs, values, strict=True)}
    return Revert(entry["name"], **args)


def _plain(item: dict[str, Any], value: Any) -> Any:
    return to_checksum_address(value) if item["type"] == "address" else value


@cache
def _rpc(url: str) -> RpcClient:
    # Not through Brownie, which turns a revert into a `ValueError` with text only.
    return RpcClient(url, 180)


@cache
def _errors() -> dict[bytes, dict[str, Any]]:
    errors = {}
    for container in project.get_loaded_projects()[0]:
        for entry in container.abi:
            if entry["type"] == "error":
                signature = f"{entry['name']}({','.join(item['type'] for item in entry['inputs'])})"
                errors[keccak(text=signature)[:4]] = entry
    return errors
