"""Ether for gas: from a development node, or from the signer's account on any network."""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from chromatrace.chain.client import Chain, Receipt
from chromatrace.domain.errors import ChromaTraceError, InvalidInput, Unavailable
from chromatrace.ethereum.errors import ChainUnavailableError
from chromatrace.ethereum.manifest import Manifest
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
            hint=f"send ether from a funded account: `chromatrace --keystore FUNDED key send {address} --ether AMOUNT`",
        )
    unlocked = workspace.rpc.call("eth_accounts")
    if not unlocked:
        raise InvalidInput(
            "the node has no unlocked account",
            field="rpc_url",
            hint=f"send ether from a funded account: `chromatrace --keystore FUNDED key send {address} --ether AMOUNT`",
        )
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


@dataclass(frozen=True)
class Transfer:
    """A transfer of ether from the signer's account. `ether` is exact decimal text."""

    workspace: Workspace
    sender: str
    recipient: str
    ether: str
    wei: int

    @classmethod
    def of(cls, workspace: Workspace, recipient: str, ether: str) -> Transfer:
        """Check a transfer. Raises `InvalidInput` if the amount is invalid, or the recipient is the signer."""
        sender = workspace.signer.address
        if recipient == sender:
            raise InvalidInput(f"{recipient} is the address of the signer itself", field="address")
        try:
            wei = Decimal(ether) * 10**18 if ether.isascii() and "_" not in ether else Decimal("NaN")
        except InvalidOperation:
            wei = Decimal("NaN")
        if not (wei.is_finite() and 0 < wei < 10**30 and wei == int(wei)):
            raise InvalidInput(
                f"{ether!r} is not a valid amount; expected ether above 0, with at most 18 decimal places",
                field="ether",
            )
        return cls(workspace, sender, recipient, f"{Decimal(ether).normalize():f}", int(wei))

    def send(self) -> Receipt:
        """Send the transfer and return its receipt once a block includes it. Raises as `Chain.transfer`.

        The contracts do not have to exist yet: the account that deploys them needs gas first.
        """
        workspace = self.workspace
        without_contracts = Manifest(workspace.chain_id, 0, {})
        chain = Chain(workspace.rpc, without_contracts, workspace.outbox, workspace.signer)
        return chain.transfer(self.recipient, self.wei)
