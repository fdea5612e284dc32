"""The verifier's own event declarations are those of the contracts; logs are read strictly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from chromatrace.exchange.blocks import ReceiptLog
from chromatrace.exchange.events import DECLARATIONS, decode_log
from chromatrace.merkle.errors import ProofError

ABIS = Path(__file__).resolve().parents[3] / "chromatrace" / "ethereum" / "abi"


def events_of(name):
    return [entry for entry in json.loads((ABIS / f"{name}.json").read_text()) if entry["type"] == "event"]


def declared(entry):
    inputs = [f"{type_of(one)}{' indexed' * one['indexed']} {one['name']}" for one in entry["inputs"]]
    return f"{entry['name']}({', '.join(inputs)})"


def type_of(parameter):
    if not parameter["type"].startswith("tuple"):
        return parameter["type"]
    return f"({','.join(map(type_of, parameter['components']))})" + parameter["type"].removeprefix("tuple")


@pytest.mark.parametrize("name", DECLARATIONS)
def test_declarations_equal_the_generated_abis(name):
    events = {entry["name"]: declared(entry) for entry in events_of(name)}
    ours = {text.split("(")[0]: text for text in DECLARATIONS[name]}
    assert ours == {event: text for event, text in events.items() if event in ours}


@pytest.mark.parametrize("name", ["BatchRegistry", "CustodyLedger"])
def test_every_event_of_a_batch_is_known(name):
    """The replay of a batch's life needs them all."""
    about_batches = {
        entry["name"] for entry in events_of(name) if any(one["name"] == "batch" for one in entry["inputs"])
    }
    assert about_batches == {text.split("(")[0] for text in DECLARATIONS[name]}


HELD = keccak(b"BatchHeld(bytes32,address,string)")
BATCH, BY = b"\x11" * 32, bytes(12) + b"\x22" * 20


def held(topics=(HELD, BATCH, BY), reason=b"cracks"):
    return ReceiptLog(b"\x33" * 20, tuple(topics), encode(["bytes"], [reason]))


def test_an_event_is_read_by_names():
    event = decode_log("BatchRegistry", held(), (7, 2, 1))
    assert (event.name, event.block, event.transaction) == ("BatchHeld", 7, (7, 2))
    assert event.args == {"batch": BATCH, "by": "0x" + "22" * 20, "reason": "cracks"}


def test_text_that_is_not_utf_8_is_told_and_not_refused():
    assert decode_log("BatchRegistry", held(reason=b"\xff ok"), (0, 0, 0)).args["reason"] == "\\xff ok"


def test_logs_of_other_contracts_and_kinds_are_passed_over():
    assert decode_log("CustodyLedger", held(), (0, 0, 0)) is None
    assert decode_log("BatchRegistry", held(topics=()), (0, 0, 0)) is None
    assert decode_log("BatchRegistry", held(topics=(b"\0" * 32,)), (0, 0, 0)) is None


@pytest.mark.parametrize(
    "log",
    [
        held(topics=(HELD, BATCH)),
        held(topics=(HELD, BATCH, BY, BY)),
        held(topics=(HELD, BATCH, b"\xff" * 32)),
        ReceiptLog(b"\x33" * 20, (HELD, BATCH, BY), b""),
        ReceiptLog(b"\x33" * 20, (HELD, BATCH, BY), b"\xff" * 32),
    ],
)
def test_malformed_logs_are_refused(log):
    with pytest.raises(ProofError, match="is no BatchHeld"):
        decode_log("BatchRegistry", log, (0, 0, 0))
