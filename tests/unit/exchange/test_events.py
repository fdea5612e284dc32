"""The events that bundles cite: names, and strict decoding of logs."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from chromatrace.ethereum.abi import contract
from chromatrace.exchange.blocks import ReceiptLog
from chromatrace.exchange.events import CITED_EVENTS, decode_receipt_log
from chromatrace.merkle.errors import ProofError


@pytest.mark.parametrize("name", CITED_EVENTS)
def test_cited_events_are_in_the_abi(name):
    assert set(CITED_EVENTS[name]) <= set(contract(name).events)


@pytest.mark.parametrize("name", ["BatchRegistry", "CustodyLedger"])
def test_every_event_of_a_batch_is_cited(name):
    """The replay of a batch's history needs them all."""
    events = contract(name).events.values()
    assert {event.name for event in events if "batch" in event.names} == set(CITED_EVENTS[name])


HELD = keccak(b"BatchHeld(bytes32,uint8,address,string)")
BATCH, KIND, BY = b"\x11" * 32, bytes(32), bytes(12) + b"\x22" * 20


def held(topics=(HELD, BATCH, KIND, BY), reason=b"cracks"):
    return ReceiptLog(b"\x33" * 20, tuple(topics), encode(["bytes"], [reason]))


def test_event_arguments_are_named():
    event = decode_receipt_log("BatchRegistry", held(), (7, 2, 1))
    assert (event.name, event.block, event.transaction) == ("BatchHeld", 7, (7, 2))
    assert event.args == {"batch": BATCH, "kind": 0, "by": "0x" + "22" * 20, "reason": "cracks"}


def test_text_that_is_not_utf8_is_accepted():
    event = decode_receipt_log("BatchRegistry", held(reason=b"\xff ok"), (0, 0, 0))
    assert event.args["reason"] == "\N{REPLACEMENT CHARACTER} ok"


def test_other_events_are_none():
    assert decode_receipt_log("CustodyLedger", held(), (0, 0, 0)) is None
    assert decode_receipt_log("BatchRegistry", held(topics=()), (0, 0, 0)) is None
    assert decode_receipt_log("BatchRegistry", held(topics=(b"\0" * 32,)), (0, 0, 0)) is None


@pytest.mark.parametrize(
    "log",
    [
        held(topics=(HELD, BATCH, KIND)),
        held(topics=(HELD, BATCH, KIND, BY, BY)),
        held(topics=(HELD, BATCH, KIND, b"\xff" * 32)),
        ReceiptLog(b"\x33" * 20, (HELD, BATCH, KIND, BY), b""),
        ReceiptLog(b"\x33" * 20, (HELD, BATCH, KIND, BY), b"\xff" * 32),
    ],
)
def test_malformed_logs_are_rejected(log):
    with pytest.raises(ProofError, match="not a valid BatchHeld"):
        decode_receipt_log("BatchRegistry", log, (0, 0, 0))
