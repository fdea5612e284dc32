"""Test the decoding of headers, receipts and accounts, and the rejection of malformed ones."""

from __future__ import annotations

import pytest
import rlp
from eth_hash.auto import keccak

from chromatrace.exchange import trie
from chromatrace.exchange.blocks import (
    HEADER_FIELDS,
    decode_header,
    decode_receipt,
    encode_header,
    encode_receipt,
    prove_receipt,
    verify_receipt,
    verify_storage,
)
from chromatrace.merkle.errors import ProofError

MAINNET_GENESIS = {
    "parentHash": "0x" + "00" * 32,
    "sha3Uncles": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
    "miner": "0x" + "00" * 20,
    "stateRoot": "0xd7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544",
    "transactionsRoot": "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
    "receiptsRoot": "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
    "logsBloom": "0x" + "00" * 256,
    "difficulty": "0x400000000",
    "number": "0x0",
    "gasLimit": "0x1388",
    "gasUsed": "0x0",
    "timestamp": "0x0",
    "extraData": "0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa",
    "mixHash": "0x" + "00" * 32,
    "nonce": "0x0000000000000042",
    "hash": "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
}


def test_mainnet_genesis_block():
    header = decode_header(encode_header(MAINNET_GENESIS))
    assert header.hash.hex() == MAINNET_GENESIS["hash"][2:]
    assert (header.number, header.timestamp) == (0, 0)


def test_header_with_another_hash_is_rejected():
    with pytest.raises(ProofError, match="does not hash to its block hash"):
        encode_header(MAINNET_GENESIS | {"gasLimit": "0x1389"})


def fields(**changes):
    raw = rlp.decode(encode_header(MAINNET_GENESIS))
    for name, value in changes.items():
        raw[HEADER_FIELDS.index(name)] = value
    return rlp.encode(raw)


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\xc0",
        rlp.encode(b"header"),
        rlp.encode([b"\1"] * 15),
        fields(parentHash=b"\1" * 31),
        fields(stateRoot=b""),
        fields(receiptsRoot=[b"\1"]),
        fields(number=b"\1" * 7),
        fields(number=b"\0\1"),
        fields(timestamp=b"\1" * 6),
        fields(logsBloom=b""),
        fields(gasLimit=[b"\1"]),
        rlp.encode([*rlp.decode(fields()), *[b""] * 7]),
    ],
)
def test_malformed_headers_are_rejected(encoded):
    with pytest.raises(ProofError):
        decode_header(encoded)


RECEIPTS = [
    {
        "status": "0x1",
        "cumulativeGasUsed": "0x5208",
        "logsBloom": "0x" + "00" * 256,
        "type": kind,
        "logs": [{"address": "0x" + "11" * 20, "topics": ["0x" + "22" * 32], "data": "0x3344"}],
    }
    for kind in ("0x2", "0x0", "0x1") * 50
]


def test_receipt_is_proven_at_its_index_only():
    entries = {rlp.encode(number): encode_receipt(receipt) for number, receipt in enumerate(RECEIPTS)}
    root, _ = trie.prove(entries, b"\x80")
    for index in (0, 1, 127, 128, 149):
        nodes = prove_receipt(RECEIPTS, index, root)
        succeeded, logs = decode_receipt(verify_receipt(root, index, nodes))
        assert succeeded
        assert [(log.address, log.topics, log.data) for log in logs] == [(b"\x11" * 20, (b"\x22" * 32,), b"\x33\x44")]
        with pytest.raises(ProofError):
            verify_receipt(root, index + 1, nodes)
    absent = trie.prove(entries, rlp.encode(150))[1]
    with pytest.raises(ProofError, match="has no receipt 150"):
        verify_receipt(root, 150, absent)
    with pytest.raises(ProofError, match="do not match the block's receipts root"):
        prove_receipt(RECEIPTS[:-1], 0, root)


def receipt(status=b"\1", bloom=bytes(256), logs=(), rest=()):
    return rlp.encode([status, b"\x52\x08", bloom, list(logs), *rest])


def test_reverted_transaction_is_recognised():
    assert decode_receipt(receipt(b"")) == (False, ())
    assert decode_receipt(b"\x02" + receipt(b"\1")) == (True, ())


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\x02",
        b"\x02\x02" + receipt(),
        rlp.encode(b"receipt"),
        receipt(b"\2"),
        receipt(b"\1" * 32),
        receipt(bloom=b""),
        receipt(rest=[b""]),
        receipt(logs=[b"log"]),
        receipt(logs=[[b"\1" * 19, [], b""]]),
        receipt(logs=[[b"\1" * 20, [b"\1" * 31], b""]]),
        receipt(logs=[[b"\1" * 20, [[b"\1"]], b""]]),
        receipt(logs=[[b"\1" * 20, b"\1" * 32, b""]]),
        receipt(logs=[[b"\1" * 20, [b"\1" * 32] * 5, b""]]),
        receipt(logs=[[b"\1" * 20, [], [b""]]]),
        receipt(logs=[[[b"\1" * 20], [], b""]]),
    ],
)
def test_malformed_receipts_are_rejected(encoded):
    with pytest.raises(ProofError):
        decode_receipt(encoded)


ADDRESS, SLOT = b"\x11" * 20, b"\x22" * 32


def state(value=b"\x05", account=None):
    storage_root, storage = trie.prove({keccak(SLOT): value, keccak(b"other"): b"\1"}, keccak(SLOT))
    body = rlp.encode([b"\1", b"", storage_root, b"\x33" * 32] if account is None else account)
    root, nodes = trie.prove({keccak(ADDRESS): body}, keccak(ADDRESS))
    return root, nodes, storage


def test_storage_slot_is_proven_under_the_state_root():
    root, account, storage = state()
    assert verify_storage(root, ADDRESS, SLOT, account, storage) == 5
    with pytest.raises(ProofError):
        verify_storage(root, b"\x12" * 20, SLOT, account, storage)
    with pytest.raises(ProofError):
        verify_storage(root, ADDRESS, SLOT, account, storage[:-1])
    with pytest.raises(ProofError):
        verify_storage(b"\1" * 32, ADDRESS, SLOT, account, storage)


def test_unwritten_slot_is_zero():
    storage_root, storage = trie.prove({keccak(b"other"): b"\1"}, keccak(SLOT))
    root, account = trie.prove({keccak(ADDRESS): rlp.encode([b"", b"", storage_root, bytes(32)])}, keccak(ADDRESS))
    assert verify_storage(root, ADDRESS, SLOT, account, storage) == 0


@pytest.mark.parametrize("value", [rlp.encode([b"\5"]), rlp.encode(b"\1" * 33), rlp.encode(b"\0\5"), b"\xc1"])
def test_malformed_slots_are_rejected(value):
    with pytest.raises(ProofError):
        verify_storage_of(state(value))


@pytest.mark.parametrize(
    "account", [b"", [], [b"", b"", b"\1" * 32], [b"", b"", b"\1" * 31, b"\1" * 32], [b"", [], b"\1" * 32, b"\1" * 32]]
)
def test_malformed_accounts_are_rejected(account):
    with pytest.raises(ProofError):
        verify_storage_of(state(account=account))


def verify_storage_of(state):
    root, account, storage = state
    return verify_storage(root, ADDRESS, SLOT, account, storage)
