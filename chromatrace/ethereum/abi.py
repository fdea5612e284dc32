"""The contracts' ABIs, generated into `abi/*.json`: calls, results, logs and reverts to and from bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from chromatrace.domain.addresses import checksummed
from chromatrace.domain.hashing import keccak
from chromatrace.ethereum import contract_errors as refusals
from chromatrace.ethereum.codec import Codec, bytes_of, codec_of, tuple_codec
from chromatrace.ethereum.errors import AbiError, ContractConflict, ContractError

FOLDER = Path(__file__).parent / "abi"

_ERROR_STRING = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")
_PANICS = {
    0x01: "an assertion failed",
    0x11: "an arithmetic overflow",
    0x12: "a division by zero",
    0x21: "a number that is no member of its enum",
    0x32: "an index out of range",
}


@dataclass(frozen=True, slots=True)
class DecodedEvent:
    """One log of one of our contracts. `args` by name in the order of the ABI; hashes are bytes."""

    contract: str
    name: str
    args: dict[str, Any]
    address: str
    block_number: int
    block_hash: bytes
    tx_hash: bytes
    tx_index: int
    log_index: int


@dataclass(frozen=True, slots=True)
class Function:
    """One function: `selector` is the first four bytes of its call data."""

    name: str
    signature: str
    selector: bytes
    inputs: Codec
    outputs: Codec
    output_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _ErrorType:
    name: str
    inputs: Codec
    internal_types: dict[str, str]


@dataclass(frozen=True, slots=True)
class Event:
    """One event: `topic` is the first topic of its logs."""

    name: str
    topic: bytes
    names: tuple[str, ...]
    indexed: tuple[tuple[str, Codec], ...]
    data: Codec

    def decode(self, topics: list[bytes], data: bytes) -> dict[str, Any]:
        """The arguments by name. An indexed dynamic value stands as its hash, as in the log."""
        if len(topics) != len(self.indexed) + 1:
            raise AbiError(f"{self.name} has {len(self.indexed)} indexed arguments, the log {len(topics) - 1}")
        found: dict[str, Any] = self.data.decode(data, 0, 0)
        for (name, codec), topic in zip(self.indexed, topics[1:], strict=True):
            found[name] = topic if codec.dynamic else codec.decode(topic, 0, 0)
        return {name: found[name] for name in self.names}


class ContractAbi:
    """One contract's ABI. `errors`, `events` and `functions` by name; there are no overloads in ours."""

    def __init__(self, name: str, entries: list[dict[str, Any]]) -> None:
        self.name = name
        self.functions: dict[str, Function] = {}
        self.events: dict[str, Event] = {}
        self.errors: dict[bytes, _ErrorType] = {}
        for entry in entries:
            if entry["type"] == "function":
                self._add_function(entry)
            elif entry["type"] == "event":
                self._add_event(entry)
            elif entry["type"] == "error":
                codec = tuple_codec(entry["inputs"], top=True)
                internal = {part["name"]: part.get("internalType", "") for part in entry["inputs"]}
                self.errors[keccak(f"{entry['name']}{codec.name}".encode())[:4]] = _ErrorType(
                    entry["name"], codec, internal
                )
        self.events_by_topic = {event.topic: event for event in self.events.values()}

    def _add_function(self, entry: dict[str, Any]) -> None:
        inputs, outputs = tuple_codec(entry["inputs"], top=True), tuple_codec(entry["outputs"], top=True)
        signature = entry["name"] + inputs.name
        names = tuple(part["name"] or str(place) for place, part in enumerate(entry["outputs"]))
        self.functions[entry["name"]] = Function(
            entry["name"], signature, keccak(signature.encode())[:4], inputs, outputs, names
        )

    def _add_event(self, entry: dict[str, Any]) -> None:
        inputs = entry["inputs"]
        topic = keccak(f"{entry['name']}{tuple_codec(inputs).name}".encode())
        indexed = tuple((part["name"], codec_of(part)) for part in inputs if part["indexed"])
        data = tuple_codec([part for part in inputs if not part["indexed"]], top=True)
        names = tuple(part["name"] for part in inputs)
        self.events[entry["name"]] = Event(entry["name"], topic, names, indexed, data)

    def function(self, name: str) -> Function:
        """By name; `AbiError` lists what there is."""
        found = self.functions.get(name)
        if found is None:
            raise AbiError(
                f"{self.name} has no function {name!r}",
                field="function",
                hint=f"there are: {', '.join(sorted(self.functions))}",
            )
        return found

    def encode(self, function: str, *args: Any) -> bytes:
        """Call data. Raises `AbiError` naming the argument that does not fit its type."""
        found = self.function(function)
        return found.selector + found.inputs.encode(args)

    def decode_input(self, data: bytes) -> tuple[str, dict[str, Any]]:
        """Call data back to the function's name and its arguments by name."""
        for function in self.functions.values():
            if function.selector == data[:4]:
                return function.name, function.inputs.decode(data[4:], 0, 0)
        raise AbiError(f"{self.name} has no function with the selector 0x{data[:4].hex()}")

    def decode_output(self, function: str, data: bytes | str) -> Any:
        """What a call returned: the value where there is one, a tuple where there are more, None where none."""
        found = self.function(function)
        values = tuple(found.outputs.decode(bytes_of(data), 0, 0).values())
        return values[0] if len(values) == 1 else values or None


@cache
def names() -> tuple[str, ...]:
    """The contracts that there are ABIs of."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


@cache
def contract(name: str) -> ContractAbi:
    """The ABI of one contract, by its name."""
    if name not in names():
        raise AbiError(f"there is no contract {name!r}", field="contract", hint=f"there are: {', '.join(names())}")
    return ContractAbi(name, json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def decode_log(source: str | Mapping[str, str], log: Mapping[str, Any]) -> DecodedEvent | None:
    """Decodes one log of `eth_getLogs` or of a receipt.

    `source` is the contract's name, or a map from lower-case address to name. None where the log is not of our
    contracts, or an event that their ABI does not have.
    """
    address = log["address"]
    name = source if isinstance(source, str) else source.get(address.lower())
    if name is None or not log["topics"]:
        return None
    topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
    event = contract(name).events_by_topic.get(topics[0])
    if event is None:
        return None
    return DecodedEvent(
        name,
        event.name,
        event.decode(topics, bytes.fromhex(log["data"][2:])),
        checksummed(bytes.fromhex(address[2:])),
        int(log["blockNumber"], 16),
        bytes.fromhex(log["blockHash"][2:]),
        bytes.fromhex(log["transactionHash"][2:]),
        int(log["transactionIndex"], 16),
        int(log["logIndex"], 16),
    )


@cache
def _errors() -> dict[bytes, _ErrorType]:
    return {selector: kind for name in names() for selector, kind in contract(name).errors.items()}


def decode_revert(data: bytes | str | None) -> ContractError:
    """The exception for a revert's return data; unknown or empty data are told as such."""
    raw = bytes_of(data or b"")
    selector, rest = raw[:4], raw[4:]
    known = _errors().get(selector)
    try:
        if known is not None:
            return refusals.refusal(known.name, known.inputs.decode(rest, 0, 0), known.internal_types)
        if selector == _ERROR_STRING:
            text = codec_of({"type": "string"}).decode(rest, 0, 0)
            return ContractConflict("Error", {"message": text}, f"the contract refused: {text}")
        if selector == _PANIC:
            code = int.from_bytes(rest[:32], "big")
            return ContractConflict("Panic", {"code": code}, f"the contract stopped: {_PANICS.get(code, hex(code))}")
    except AbiError as error:
        return ContractConflict("Undecodable", {"data": raw}, f"the contract refused, with malformed data: {error}")
    if not raw:
        return ContractConflict(
            "EmptyRevert",
            {},
            "the contract refused without a reason",
            hint="the address may hold another contract, or the call ran out of gas",
        )
    return ContractConflict(
        "UnknownError",
        {"data": raw},
        f"the contract refused with an error that no ABI here has (0x{selector.hex()})",
        hint="the deployed contracts are newer than this software; see the manifest",
    )


_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})*")


def revert_data(data: object) -> bytes | None:
    """The revert's return data inside a JSON-RPC error's `data`, as Anvil, geth, Besu and Ganache put it; else None."""
    if isinstance(data, str):
        found = _HEX.search(data)
        return bytes.fromhex(found[0][2:]) if found else None
    if isinstance(data, Mapping):
        for key in ("result", "data", "output", "return", "originalError"):
            if key in data:
                return revert_data(data[key])
    return None
