"""Ask a trusted node what the verification of a proof bundle needs."""

from __future__ import annotations

from chromatrace.domain.errors import InvalidInput
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.exchange.bundle import Bundle
from chromatrace.exchange.collect import required_hashes
from chromatrace.exchange.slot import storage_slot
from chromatrace.exchange.verifier import NodeView


def view_of_node(url: str, bundle: Bundle) -> NodeView:
    """Return a node's hashes of the blocks that the bundle depends on, and its current state of the batch.

    Raises `InvalidInput` if the node follows another chain.
    """
    node = RpcClient(url)
    chain_id = int(node.call("eth_chainId"), 16)
    if chain_id != bundle.chain_id:
        raise InvalidInput(
            f"the node is on chain {chain_id}, the bundle is for chain {bundle.chain_id}",
            field="rpc",
            hint="use a node of the bundle's chain",
        )
    newest = node.call("eth_blockNumber")
    numbers = list(required_hashes(bundle))
    blocks = node.batch([("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
    registry, slot = bundle.contracts["BatchRegistry"], storage_slot(bundle.key)
    stored = node.call("eth_getStorageAt", "0x" + registry.hex(), "0x" + slot.hex(), newest)
    return NodeView(
        number=int(newest, 16),
        hashes={
            number: bytes.fromhex(block["hash"][2:])
            for number, block in zip(numbers, blocks, strict=True)
            if block is not None
        },
        slot=int(stored, 16),
    )
