"""Bulk decoding of events, compared with the decoding of single events and with eth-abi."""

from __future__ import annotations

import json
import random

import pytest
from eth_abi import encode

from chromatrace.ethereum.abi import FOLDER, contract, names
from chromatrace.ethereum.errors import AbiError
from chromatrace.index.decoding import decode_event, event_kinds
from chromatrace.index.entities import EVENT_ENTITIES

EVENTS = [(name, event) for name in names() for event in contract(name).events.values()]


def random_value(kind, rng):
    if kind.endswith("]"):
        inner, _, length = kind[:-1].rpartition("[")
        return [random_value(inner, rng) for _ in range(int(length) if length else rng.randrange(4))]
    if kind.startswith("("):
        return tuple(random_value(part, rng) for part in kind[1:-1].split(","))
    if kind.startswith("uint"):
        bits = int(kind[4:])
        return rng.choice([0, 1, 2**bits - 1, rng.getrandbits(bits)])
    if kind.startswith("bytes") and kind != "bytes":
        return rng.randbytes(int(kind[5:]))
    values = {
        "address": lambda: "0x" + rng.randbytes(20).hex(),
        "bool": lambda: rng.random() < 0.5,
        "string": lambda: "".join(rng.choice("aZ9 \0ü漢") for _ in range(rng.randrange(70))),
        "bytes": lambda: rng.randbytes(rng.randrange(70)),
    }
    return values[kind]()


def log_of(name, event, values):
    """Return topics and data of a log, encoded by eth-abi from the ABI file."""
    entries = json.loads((FOLDER / f"{name}.json").read_text())
    inputs = next(entry["inputs"] for entry in entries if entry["type"] == "event" and entry["name"] == event.name)
    topics, plain = [event.topic], []
    for part, value in zip(inputs, values, strict=True):
        if part["indexed"]:
            topics.append(encode([type_of(part)], [value]))
        else:
            plain.append((type_of(part), value))
    return b"".join(topics), encode([kind for kind, _ in plain], [value for _, value in plain])


def types_of(name, event):
    entries = json.loads((FOLDER / f"{name}.json").read_text())
    declared = next(entry for entry in entries if entry["type"] == "event" and entry["name"] == event.name)
    return [type_of(part) for part in declared["inputs"]]


def type_of(part):
    """Return the type of a parameter, with structs in the notation of eth-abi."""
    if not part["type"].startswith("tuple"):
        return part["type"]
    return f"({','.join(map(type_of, part['components']))}){part['type'].removeprefix('tuple')}"


def plain_value(value):
    """Convert to eth-abi's form: structs without names, addresses in lower case."""
    if isinstance(value, dict):
        return tuple(map(plain_value, value.values()))
    if isinstance(value, list):
        return list(map(plain_value, value))
    return value.lower() if isinstance(value, str) and value[:2] == "0x" else value


@pytest.mark.parametrize(("name", "event"), EVENTS, ids=[f"{name}.{event.name}" for name, event in EVENTS])
def test_bulk_decoding_equals_single_decoding(name, event):
    rng = random.Random(event.name)
    for _ in range(10):
        values = [random_value(kind, rng) for kind in types_of(name, event)]
        topics, data = log_of(name, event, values)
        expected = event.decode([topics[at : at + 32] for at in range(0, len(topics), 32)], data)
        decoded_name, arguments = decode_event(name, topics, data)
        assert (decoded_name, arguments) == (event.name, expected)
        assert list(arguments) == list(event.names)
        assert list(map(plain_value, arguments.values())) == values


def test_log_with_missing_data_is_rejected():
    event = contract("BatchRegistry").events["BatchGraded"]
    topics, data = log_of("BatchRegistry", event, [b"\1" * 32, 1, 2, 3, "0x" + "00" * 20])
    with pytest.raises(AbiError):
        decode_event("BatchRegistry", topics, data[:-1])


def test_invalid_unicode_is_replaced():
    event = contract("BatchRegistry").events["BatchHeld"]
    topics, data = log_of("BatchRegistry", event, [b"\1" * 32, 0, "0x" + "00" * 20, "abcd"])
    _, args = decode_event("BatchRegistry", topics, data.replace(b"abcd", b"a\xff\xfed"))
    assert args["reason"] == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}d"


def test_every_projected_event_is_in_the_abi():
    known = {(kind.contract, kind.name) for kind in event_kinds().values()}
    assert set(EVENT_ENTITIES) <= known


def test_every_event_of_our_contracts_is_projected():
    """A new event must be assigned to an entity, or be listed here as unused."""
    inherited = {"RoleGranted", "RoleRevoked", "RoleAdminChanged", "EIP712DomainChanged"}
    silent = {kind.name for kind in event_kinds().values() if not kind.entity}
    unused = {"PolicyChanged", "MemberSet", "InspectionSkipped", "SignatureWithdrawn", "ProofSkipped", "AnswerSkipped"}
    assert {name for name in silent - inherited if not name.startswith("DefaultAdmin")} == unused
