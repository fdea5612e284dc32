"""Connection of the scripts to a chain, the compiled project and an account.

Brownie compiles, holds the account and sends transactions; reads use JSON-RPC directly. A chain given by its URL is a
Brownie network of this process only; Brownie's own settings are not changed.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from web3.exceptions import Web3RPCError

from chromatrace.chain.calls import Call
from chromatrace.chain.reads import Read
from chromatrace.domain.errors import ChromaTraceError
from chromatrace.ethereum.codec import bytes_of
from chromatrace.ethereum.contract_errors import decode_revert, revert_data
from chromatrace.ethereum.errors import KeystoreError, RpcError, SignerMissingError
from chromatrace.ethereum.rpc import RpcClient, is_transient
from chromatrace.ethereum.signer import DEV_CHAINS

os.environ["SOLCX_BINARY_PATH"] = os.environ.get("SOLCX_BINARY_PATH") or str(Path(__file__).parents[1] / ".solcx")

from brownie import accounts, network, project
from brownie._config import CONFIG
from brownie.exceptions import VirtualMachineError
from eth_account import Account as Keys

ROOT = Path(__file__).resolve().parent.parent
NETWORK = "chromatrace"
_ATTEMPTS = 5
"""Attempts to send. A request can fail if the node mines during it and prunes the state of the previous block."""


T = TypeVar("T")


@dataclass(frozen=True)
class Connection:
    """A chain, the account that signs, and the compiled project.

    `sender` is a Brownie account: the keystore, or on a development chain the first unlocked account of the node.
    """

    rpc: RpcClient
    chain_id: int
    sender: Any
    compiled: Any

    @property
    def is_dev(self) -> bool:
        """Return whether the chain id is that of a development chain."""
        return self.chain_id in DEV_CHAINS

    def code(self, address: str) -> bytes:
        """Return the code at an address, empty if there is none."""
        return bytes.fromhex(self.rpc.call("eth_getCode", address, "latest")[2:])

    def read(self, address: str, read: Read[T]) -> T:
        """Return the result of a view of the contract at `address`."""
        fields = {"to": address, "data": "0x" + read.encode().hex()}
        return read.decode(bytes_of(self.rpc.call("eth_call", fields, "latest")))

    def write(self, address: str, call: Call) -> Any:
        """Simulate a call of the contract at `address`, send it and wait for its block. Raises `ContractError`."""
        data = "0x" + call.encode().hex()
        try:
            self.rpc.call("eth_call", {"from": str(self.sender), "to": address, "data": data}, "latest")
        except RpcError as error:
            reason = revert_data(error.data)
            if reason is None:
                raise
            raise decode_revert(reason) from error
        return self._send(address, data)

    def deploy(self, name: str, *args: Any) -> Any:
        """Deploy a contract and return Brownie's receipt."""
        return self._send(None, self.compiled[name].deploy.encode_input(*args))

    def _send(self, to: str | None, data: str) -> Any:
        for attempt in range(_ATTEMPTS):
            nonce = self._pending_nonce()
            try:
                receipt = self.sender.transfer(to, 0, data=data, silent=True)
                break
            except (ValueError, VirtualMachineError, Web3RPCError) as error:
                rpc_error = RpcError("eth_sendTransaction", 0, str(error))
                not_sent = self._pending_nonce() == nonce
                if attempt + 1 == _ATTEMPTS or not (not_sent and is_transient(rpc_error)):
                    raise rpc_error from error
        if receipt.status != 1:
            raise RpcError("eth_sendTransaction", 0, f"transaction {receipt.txid} failed or was dropped")
        return receipt

    def _pending_nonce(self) -> int:
        return int(self.rpc.call("eth_getTransactionCount", str(self.sender), "pending"), 16)


def open_connection(rpc_url: str | None, keystore: Path | None) -> Connection:
    """Connect to `rpc_url`, or if it is None use the network that `brownie run` connected to."""
    with contextlib.redirect_stdout(sys.stderr):
        compiled = _compiled()
        if rpc_url is not None:
            _connect(rpc_url)
    rpc = RpcClient(rpc_url or network.web3.provider.endpoint_uri)
    chain_id = int(rpc.call("eth_chainId"), 16)
    return Connection(rpc, chain_id, _sender(chain_id, keystore), compiled)


def settings(rpc_url: str | None, keystore: Path | None) -> tuple[str | None, Path | None]:
    """Return the options, or `CHROMATRACE_RPC_URL` and `CHROMATRACE_KEYSTORE` if they are not given."""
    path = os.environ.get("CHROMATRACE_KEYSTORE")
    return rpc_url or os.environ.get("CHROMATRACE_RPC_URL"), keystore or (Path(path) if path else None)


def print_error(error: ChromaTraceError, as_json: bool) -> int:
    """Print an error, as JSON on standard output or as text on standard error. Returns the exit status."""
    if as_json:
        print(json.dumps(error.as_dict()))
    else:
        print(f"error: {error}", file=sys.stderr)
    return 1


def _compiled() -> Any:
    loaded = [loaded for loaded in project.get_loaded_projects() if Path(loaded._path) == ROOT]
    return loaded[0] if loaded else project.load(ROOT, "ChromaTrace")


def _connect(rpc_url: str) -> None:
    chain_id = int(RpcClient(rpc_url).call("eth_chainId"), 16)
    if network.is_connected():
        network.disconnect()
    CONFIG.networks[NETWORK] = {"id": NETWORK, "name": NETWORK, "host": rpc_url, "chainid": str(chain_id)}
    network.connect(NETWORK)


def _sender(chain_id: int, keystore: Path | None) -> Any:
    if keystore is not None:
        return accounts.add(_private_key(keystore))
    if chain_id not in DEV_CHAINS:
        raise SignerMissingError(
            f"chain {chain_id} is not a development chain; an encrypted keystore is required",
            field="keystore",
            hint="use --keystore FILE or set CHROMATRACE_KEYSTORE",
        )
    if len(accounts) == 0:
        raise SignerMissingError(
            "the node has no unlocked account", field="keystore", hint="start it with accounts, or use --keystore FILE"
        )
    return accounts[0]


def _private_key(keystore: Path) -> bytes:
    password = os.environ.get("CHROMATRACE_KEY_PASSWORD")
    if password is None:
        if not sys.stdin.isatty():
            raise KeystoreError(
                "the keystore needs a password and standard input is not a terminal",
                field="CHROMATRACE_KEY_PASSWORD",
                hint="set this environment variable",
            )
        password = getpass.getpass(f"Password of {keystore}: ")
    try:
        return bytes(Keys.decrypt(json.loads(keystore.read_text(encoding="utf-8")), password))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeystoreError(
            f"{keystore} cannot be opened: {error}", field="keystore", hint="check the file and its password"
        ) from error
