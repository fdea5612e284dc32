"""Test that only the events of the cited contracts are decoded."""

from __future__ import annotations

import rlp

from chromatrace.domain.identifiers import BatchKey
from chromatrace.exchange import trie
from chromatrace.exchange.blocks import HEADER_FIELDS, encode_receipt
from chromatrace.exchange.bundle import Address, Bundle, CitedReceipt, Subject
from chromatrace.exchange.events import CITED_EVENTS
from chromatrace.exchange.proven import ProvenHistory
from chromatrace.storage.strict_json import Hex

SIZES = {"miner": 20, "logsBloom": 256, "nonce": 8}
NUMBERS = {"difficulty": b"", "number": b"\x07", "gasLimit": b"\1", "gasUsed": b"\1", "timestamp": b"\1"}


def test_logs_of_other_contracts_are_ignored():
    contracts = [*CITED_EVENTS, "QualityConsensus", "Unknown"]
    addresses = {name: Address(bytes([number]) * 20) for number, name in enumerate(contracts, 1)}
    logs = [
        {"address": "0x" + address.hex(), "topics": ["0x" + "22" * 32], "data": "0x"} for address in addresses.values()
    ]
    receipt = {"status": "0x1", "cumulativeGasUsed": "0x1", "logsBloom": "0x" + "00" * 256, "type": "0x2", "logs": logs}
    root, nodes = trie.prove({b"\x80": encode_receipt(receipt)}, b"\x80")
    members = {name: NUMBERS.get(name, bytes(SIZES.get(name, 32))) for name in HEADER_FIELDS[:15]}
    header = rlp.encode(list((members | {"receiptsRoot": root}).values()))
    bundle = Bundle(
        chain_id=1,
        contracts=addresses,
        subject=Subject.of(BatchKey.parse("09521234543213", "L1"), None),
        headers=(Hex(header),),
        receipts=(CitedReceipt(7, 0, tuple(map(Hex, nodes))),),
        state=None,
        documents=(),
        inspections=(),
        readings=(),
        route=None,
        unit=None,
    )
    proven = ProvenHistory(bundle)
    proven.read_headers()
    proven.read_events()
    assert proven.events == []
