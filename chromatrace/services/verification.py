"""Block hashes from a trusted node, for the verification of a proof bundle."""

from __future__ import annotations

from chromatrace.domain.errors import InvalidInput
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.exchange.bundle import Bundle
from chromatrace.exchange.collect import gaps


def block_hashes_from(url: str, bundle: Bundle) -> tuple[list[bytes], int]:
    """Return a node's hashes of the bundle's newest block and of the block at each gap, and the node's block number.

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
    blocks = node.batch([("eth_getBlockByNumber", [hex(number), False]) for number in gaps(bundle)])
    newest = int(node.call("eth_blockNumber"), 16)
    return [bytes.fromhex(block["hash"][2:]) for block in blocks if block is not None], newest
