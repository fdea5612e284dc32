"""Test the trie and the header encoding against blocks of a real node."""

from __future__ import annotations

import pytest
import rlp

from chromatrace.exchange import trie
from chromatrace.exchange.blocks import decode_header, encode_header, encode_receipt, prove_receipt, verify_receipt


def test_headers_and_receipts_of_all_blocks(works):
    rpc = works.workspace.rpc
    for number in range(int(rpc.call("eth_blockNumber"), 16) + 1):
        block = rpc.call("eth_getBlockByNumber", hex(number), False)
        header = decode_header(encode_header(block))
        assert (header.hash.hex(), header.number) == (block["hash"][2:], number)
        receipts = rpc.call("eth_getBlockReceipts", hex(number))
        entries = {rlp.encode(number): encode_receipt(receipt) for number, receipt in enumerate(receipts)}
        assert trie.prove(entries, b"\x80")[0] == header.receipts_root


@pytest.mark.parametrize("count", [2, 17, 130])
def test_block_with_many_transactions(works, count):
    """The key of transaction 128 is longer than that of 127, which changes the shape of the trie."""
    rpc = works.workspace.rpc
    accounts = rpc.call("eth_accounts")
    rpc.call("evm_setAutomine", False)
    try:
        for number in range(count):
            rpc.call("eth_sendTransaction", {"from": accounts[5], "to": accounts[4], "value": hex(number)})
        rpc.call("evm_mine")
    finally:
        rpc.call("evm_setAutomine", True)
    block = rpc.call("eth_getBlockByNumber", "latest", False)
    assert len(block["transactions"]) == count
    receipts = rpc.call("eth_getBlockReceipts", block["number"])
    root = decode_header(encode_header(block)).receipts_root
    for index in range(count):
        assert verify_receipt(root, index, prove_receipt(receipts, index, root)) == encode_receipt(receipts[index])
