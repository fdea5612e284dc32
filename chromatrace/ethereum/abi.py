"""The contracts' ABIs, generated into `abi/*.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from chromatrace.domain.addresses import checksummed
from chromatrace.domain.hashing import keccak
from chromatrace.ethereum.codec import AbiParameter, Parameters
from chromatrace.ethereum.errors import AbiError

FOLDER = Path(__file__).parent / "abi"


@dataclass(frozen=True, slots=True)
class Event:
    """One log of a contract. `args` by name in the order of the ABI, hashes as bytes."""

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
class FunctionAbi:
    """One function. `selector` is the first four bytes of its call data."""

    name: str
    selector: bytes
    inputs: Parameters
    outputs: Parameters


@dataclass(frozen=True, slots=True)
class ErrorAbi:
    """One custom error. `internal_types` are the Solidity types by parameter, such as `enum Stage`."""

    name: str
    inputs: Parameters
    internal_types: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EventAbi:
    """One event. `topic` is the first topic of its logs."""

    name: str
    topic: bytes
    names: tuple[str, ...]
    indexed: Parameters
    data: Parameters

    def decode(self, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
        """Return the arguments by name. An indexed value of dynamic type is its hash, as in the log.

        Raises `AbiError` if the log is malformed.
        """
        if len(topics) != len(self.indexed.types) + 1:
            raise AbiError(f"{self.name} has {len(self.indexed.types)} indexed arguments, the log {len(topics) - 1}")
        args = self.data.decode_named(data)
        for name, value in zip(self.indexed.names, self.indexed.decode(b"".join(topics[1:])), strict=True):
            args[name] = value
        return {name: args[name] for name in self.names}


class ContractAbi:
    """One contract's ABI: functions by name (by signature if overloaded), events by name, errors by selector."""

    def __init__(self, name: str, entries: Sequence[Mapping[str, Any]]) -> None:
        self.name = name
        self.functions: dict[str, FunctionAbi] = {}
        self.events: dict[str, EventAbi] = {}
        self.errors: dict[bytes, ErrorAbi] = {}
        for entry in entries:
            if entry["type"] == "function":
                self._add_function(entry)
            elif entry["type"] == "event":
                self._add_event(entry)
            elif entry["type"] == "error":
                inputs = Parameters.of(entry["inputs"])
                internal_types = {parameter["name"]: parameter["internalType"] for parameter in entry["inputs"]}
                error = ErrorAbi(entry["name"], inputs, internal_types)
                self.errors[_hash(error.name, inputs)[:4]] = error
        self.events_by_topic = {event.topic: event for event in self.events.values()}

    def _add_function(self, entry: Mapping[str, Any]) -> None:
        inputs = Parameters.of(entry["inputs"])
        function = FunctionAbi(entry["name"], _hash(entry["name"], inputs)[:4], inputs, Parameters.of(entry["outputs"]))
        self.functions[function.name] = self.functions[function.name + inputs.signature] = function

    def _add_event(self, entry: Mapping[str, Any]) -> None:
        inputs: list[AbiParameter] = entry["inputs"]
        self.events[entry["name"]] = EventAbi(
            entry["name"],
            _hash(entry["name"], Parameters.of(inputs)),
            tuple(parameter["name"] for parameter in inputs),
            Parameters.of([_as_topic(parameter) for parameter in inputs if parameter["indexed"]]),
            Parameters.of([parameter for parameter in inputs if not parameter["indexed"]]),
        )

    def function(self, name: str) -> FunctionAbi:
        """Return a function by name or signature. Raises `AbiError`."""
        function = self.functions.get(name)
        if function is None:
            raise AbiError(f"{self.name} has no function {name!r}", field="function")
        return function

    def encode_call(self, function: str, *args: object) -> bytes:
        """Return call data. Raises `AbiError` that names the argument whose value does not fit."""
        called = self.function(function)
        return called.selector + called.inputs.encode(args)

    def decode_call(self, data: bytes) -> tuple[str, dict[str, Any]]:
        """Return the function's name and its arguments by name. Raises `AbiError`."""
        for function in self.functions.values():
            if function.selector == data[:4]:
                return function.name, function.inputs.decode_named(data[4:])
        raise AbiError(f"{self.name} has no function with the selector 0x{data[:4].hex()}")


def _hash(name: str, inputs: Parameters) -> bytes:
    return keccak(f"{name}{inputs.signature}".encode())


def _as_topic(parameter: AbiParameter) -> AbiParameter:
    """Return the parameter of a topic, which holds the hash of a value of dynamic type."""
    kind = parameter["type"]
    dynamic = kind in ("string", "bytes") or kind.endswith("]") or kind == "tuple"
    return {"name": parameter["name"], "type": "bytes32" if dynamic else kind}


@cache
def names() -> tuple[str, ...]:
    """Return the names of the contracts that have an ABI."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


@cache
def contract(name: str) -> ContractAbi:
    """Return the ABI of one contract. Raises `AbiError`."""
    if name not in names():
        raise AbiError(f"no contract is named {name!r}", field="contract", hint=f"use one of {', '.join(names())}")
    return ContractAbi(name, json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def decode_log(source: str | Mapping[str, str], log: Mapping[str, Any]) -> Event | None:
    """Decode one log of `eth_getLogs` or of a receipt.

    `source` is the contract's name, or a map from lower-case address to name. Returns None if the log is from another
    contract, or its event is not in the ABI.
    """
    address = log["address"]
    name = source if isinstance(source, str) else source.get(address.lower())
    if name is None or not log["topics"]:
        return None
    topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
    event = contract(name).events_by_topic.get(topics[0])
    if event is None:
        return None
    return Event(
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
