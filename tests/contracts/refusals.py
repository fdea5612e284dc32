"""What a contract refuses, as its custom error's name and arguments.

    assert refusal(world.registry.assemble, batch, sender=world.producer) == Refused("WrongState", batch=batch, state=1)

The call is only simulated, on the latest block: a refusal changes nothing, so nothing needs to be sent.
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

PANICS = {0x11: "arithmetic overflow", 0x21: "no such enum member", 0x32: "index out of bounds"}


@dataclass(frozen=True, init=False)
class Refused:
    """A revert: the error's name and its arguments by name."""

    name: str
    args: dict[str, Any] = field(hash=False)

    def __init__(self, name: str, **args: Any) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "args", args)


class Accepted(AssertionError):
    """The call was expected to be refused, and was not."""


def refusal(function: Any, *args: Any, sender: Any) -> Refused:
    """How `function(*args)` from `sender` reverts; raises `Accepted` where it does not."""
    return refusal_of_data(function._address, function.encode_input(*args), sender)


def refusal_of_data(to: Any, data: str, sender: Any, gas: int | None = None) -> Refused:
    """As `refusal`, for raw call data; with so much gas, or what the node gives."""
    call = {"from": str(sender), "to": str(to), "data": data} | ({} if gas is None else {"gas": hex(gas)})
    try:
        _rpc(web3.provider.endpoint_uri).call("eth_call", call, "latest")
    except RpcError as error:
        if not isinstance(error.data, str):
            raise
        return _decoded(bytes.fromhex(error.data.removeprefix("0x")))
    raise Accepted(f"{to} accepts {data[:10]}")


def _decoded(data: bytes) -> Refused:
    if data[:4] == keccak(b"Panic(uint256)")[:4]:
        code = int.from_bytes(data[4:], "big")
        return Refused("Panic", reason=PANICS.get(code, hex(code)))
    entry = _errors()[data[:4]]
    inputs = entry["inputs"]
    values = decode([item["type"] for item in inputs], data[4:])
    args = {item["name"]: _plain(item, value) for item, value in zip(inputs, values, strict=True)}
    return Refused(entry["name"], **args)


def _plain(item: dict[str, Any], value: Any) -> Any:
    return to_checksum_address(value) if item["type"] == "address" else value


@cache
def _rpc(url: str) -> RpcClient:
    # Past Brownie, which turns a revert into a `ValueError` of text.
    return RpcClient(url, 180)


@cache
def _errors() -> dict[bytes, dict[str, Any]]:
    found = {}
    for container in project.get_loaded_projects()[0]:
        for entry in container.abi:
            if entry["type"] == "error":
                signature = f"{entry['name']}({','.join(item['type'] for item in entry['inputs'])})"
                found[keccak(text=signature)[:4]] = entry
    return found
