"""Gas for new operators: sent on development chains only."""

from __future__ import annotations

import time

from chromatrace.domain.errors import ChromaTraceError, InvalidInput, Unavailable
from chromatrace.ethereum.errors import ChainUnavailableError
from chromatrace.ethereum.signer import DEV_CHAINS
from chromatrace.services.workspace import Workspace

_BLOCK_S = 60


def fund(workspace: Workspace, address: str, ether: float = 1.0) -> str:
    """Send `ether` from the node's last unlocked account; return the transaction once a block includes it.

    Raises `InvalidInput` if the chain is not a development chain or its node unlocks no account, and
    `ChainUnavailableError` if no block includes the transaction.
    """
    if workspace.chain_id not in DEV_CHAINS:
        raise InvalidInput(
            f"chain {workspace.chain_id} is not a development chain",
            field="rpc_url",
            hint=f"fund {address} yourself; its transactions need gas",
        )
    unlocked = workspace.rpc.call("eth_accounts")
    if not unlocked:
        raise InvalidInput("the node has no unlocked account", field="rpc_url", hint="use `chromatrace chain start`")
    transfer = {"from": unlocked[-1], "to": address, "value": hex(int(ether * 10**18))}
    transaction = str(workspace.rpc.call("eth_sendTransaction", transfer))
    deadline = time.monotonic() + _BLOCK_S
    while workspace.rpc.call("eth_getTransactionReceipt", transaction) is None:
        if time.monotonic() > deadline:
            raise ChainUnavailableError(
                f"no block included {transaction} within {_BLOCK_S} s",
                field="rpc_url",
                hint="check that the node produces blocks",
            )
        time.sleep(0.02)
    return transaction


def fund_if_empty(workspace: Workspace, address: str) -> bool:
    """Return whether an address has gas. Send it 1 ether if it has none; if that is not possible, say what to do."""
    try:
        if int(workspace.rpc.call("eth_getBalance", address, "latest"), 16):
            return True
        fund(workspace, address)
    except Unavailable:
        workspace.notify(f"{address} has no gas: no node responded; run `chromatrace key fund {address}` later")
    except ChromaTraceError as error:
        workspace.notify(f"{address} has no gas: {error.message}; {error.hint}")
    else:
        workspace.notify(f"INSECURE: development chain: sent 1 ether to {address} for gas")
        return True
    return False
