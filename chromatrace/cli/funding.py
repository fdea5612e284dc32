"""Gas for new operators: given on development chains, asked for on others."""

from __future__ import annotations

import time

from chromatrace.cli.output import err
from chromatrace.domain.errors import ChromaTraceError, InvalidInput, Unavailable
from chromatrace.ethereum.errors import ChainUnavailableError
from chromatrace.services.workspace import DEV_CHAINS, Workspace

_BLOCK_S = 60


def fund(workspace: Workspace, address: str, ether: float = 1.0) -> str:
    """Sends `ether` to the address from the node's last unlocked account; the transaction, which is in a block.

    Raises `InvalidInput` on a chain that is not a development chain, or whose node unlocks no account;
    `ChainUnavailableError` where no block takes the transaction.
    """
    if workspace.chain_id not in DEV_CHAINS:
        raise InvalidInput(
            f"chain {workspace.chain_id} is no development chain: nobody gives its currency away",
            field="rpc_url",
            hint=f"whoever keeps the organisation's money sends {address} what its transactions cost in gas",
        )
    unlocked = workspace.rpc.call("eth_accounts")
    if not unlocked:
        raise InvalidInput("the node unlocks no account that could give", field="rpc_url", hint="use `chromatrace up`")
    gift = {"from": unlocked[-1], "to": address, "value": hex(int(ether * 10**18))}
    sent = str(workspace.rpc.call("eth_sendTransaction", gift))
    deadline = time.monotonic() + _BLOCK_S
    while workspace.rpc.call("eth_getTransactionReceipt", sent) is None:
        if time.monotonic() > deadline:
            raise ChainUnavailableError(
                f"no block took {sent} in {_BLOCK_S} s", field="rpc_url", hint="does the node make blocks?"
            )
        time.sleep(0.02)
    return sent


def fund_or_say_who_must(workspace: Workspace, address: str) -> bool:
    """Whether an address has gas. One that has none is given some; where that cannot be, what is to be done is told
    on standard error."""
    try:
        if int(workspace.rpc.call("eth_getBalance", address, "latest"), 16):
            return True
        fund(workspace, address)
    except Unavailable:
        err.print(f"[yellow]no gas yet[/] no chain answers now: `chromatrace key fund {address}` when it runs")
    except ChromaTraceError as refusal:
        err.print(f"[yellow]no gas yet[/] {refusal.message}; {refusal.hint}", highlight=False)
    else:
        err.print(f"[yellow]DEVELOPMENT CHAIN[/] 1 ether was given to {address} for gas", highlight=False)
        return True
    return False
