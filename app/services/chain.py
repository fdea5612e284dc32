"""Questions of rights, writes in the name of an operator, and what became of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import LoginFailedError, RightsRevokedError, RightsUnavailableError
from app.services.captures import CaptureRecorder
from app.services.recalls import recall_calls
from chromatrace.chain.client import Call, Chain
from chromatrace.chain.commands import Parts, accept_custody, keyed, refuse_custody
from chromatrace.chain.outbox import Outbox
from chromatrace.domain.errors import InvalidInput, Unavailable
from chromatrace.domain.identifiers import BatchId, Gtin
from chromatrace.domain.recalling import RecallStep
from chromatrace.domain.rights import Role, Scope
from chromatrace.ethereum.abi import contract, decode_revert, revert_data
from chromatrace.ethereum.errors import (
    ChainUnavailableError,
    ContractError,
    InclusionTimeoutError,
    InsufficientFundsError,
    RpcError,
    WrongDeploymentError,
)
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.ethereum.signer import Signer, keystore_signer

log = logging.getLogger(__name__)

Key = Signer
"""An unlocked key that signs without asking."""

MAX_REASON = 200
"""Characters of a reason that goes on the chain."""

_ALL_ROLES = Role(sum(Role))


@dataclass(frozen=True, slots=True)
class WalletCall:
    """A transaction for a wallet to sign: where to, and what to say there."""

    to: str
    data: str
    chain_id: int


@dataclass(frozen=True, slots=True)
class TransactionOutcome:
    """What became of a transaction: None while no block has it."""

    included: bool
    succeeded: bool | None
    message: str | None


class ChainService:
    """One chain, one deployment. Thread-safe; the deployment is verified before the first answer is believed."""

    def __init__(self, rpc_url: str, manifest: Manifest, outbox: Path) -> None:
        self._rpc = RpcClient(rpc_url)
        self._manifest = manifest
        self._outbox = Outbox(outbox)
        self._chain = Chain(self._rpc, manifest, self._outbox)
        self._verified = False

    @property
    def chain_id(self) -> int:
        """The chain that the manifest is for."""
        return self._manifest.chain_id

    # -- rights

    def authorise(self, address: str, roles: Role = _ALL_ROLES) -> int:
        """The organisation for which `address` may act in one of `roles`, now.

        Raises `RightsEnded` with the chain's reason, `RightsUnknown` where the chain does not answer.
        """
        try:
            return int(self.read("Consortium", "authorize", address, int(roles)))
        except ContractError as error:
            raise RightsRevokedError(
                f"the consortium does not authorise this operator: {error.message}",
                field="operator",
                hint=error.hint or "ask an administrator of your organisation",
            ) from error

    def roles_of(self, address: str) -> Role:
        """The operator's roles as they stand on the chain; use only after `authorise`."""
        return Role(self.read("Consortium", "operator", address)["roles"])

    def may_read(self, address: str, owner: int, gtin: Gtin, scopes: Scope) -> bool:
        """Whether `address` may read all of `scopes` of `owner`'s product line `gtin`, now."""
        return bool(self.read("Consortium", "mayRead", address, owner, int(gtin), int(scopes)))

    def may_read_department(self, address: str, department: bytes) -> bool:
        """Whether `address` may read a department's records now; `RightsUnknown`."""
        return bool(self.read("ProcessLedger", "mayReadDepartment", department, address))

    def ping(self) -> None:
        """Raises `RightsUnknown` where the chain does not answer."""
        self.read("Consortium", "organisationCount")

    def latest(self) -> tuple[int, int]:
        """Number and time (Unix seconds) of the chain's newest block; `RightsUnknown` where it does not answer."""
        self.ping()
        block = self._rpc.call("eth_getBlockByNumber", "latest", False)
        return int(block["number"], 16), int(block["timestamp"], 16)

    def read(self, name: str, function: str, *args: Any) -> Any:
        """A view function of one of our contracts; `RightsUnknown` where the chain does not answer, or another does."""
        try:
            if not self._verified:
                self._manifest.verify(self._rpc)
                self._verified = True
            return self._chain.read(name, function, *args)
        except (ChainUnavailableError, RpcError) as error:
            raise RightsUnavailableError(
                "the chain does not answer, so nobody's rights can be checked",
                field="chain",
                hint="try again in a minute; nothing was changed",
            ) from error
        except WrongDeploymentError as error:
            raise RightsUnavailableError(
                "the chain that answers is not the consortium's, so its answers are not believed",
                field="chain",
                hint="the portal's operator has to name the right chain and manifest",
            ) from error

    # -- writes

    def accept(self, batch: BatchId, keystore: Path, password: str, offer: str) -> str:
        """Accepts an offer in the name of the keystore's operator; the transaction's hash. `offer` names the offer."""
        return self.send(keystore, password, keyed(accept_custody(batch), f"accept:{offer}"))

    def refuse(self, batch: BatchId, reason: str, keystore: Path, password: str, offer: str) -> str:
        """Refuses an offer, with a reason of at most `MAX_REASON` characters; the transaction's hash."""
        return self.send(keystore, password, keyed(refuse_custody(batch, checked_reason(reason)), f"refuse:{offer}"))

    def wallet_accept(self, batch: BatchId) -> WalletCall:
        """What a wallet signs to accept."""
        return self._wallet_call(accept_custody(batch))

    def wallet_refuse(self, batch: BatchId, reason: str) -> WalletCall:
        """What a wallet signs to refuse."""
        return self._wallet_call(refuse_custody(batch, checked_reason(reason)))

    def _wallet_call(self, call: Call) -> WalletCall:
        data = contract(call.contract).encode(call.function, *call.args)
        return WalletCall(self._manifest.address(call.contract), f"0x{data.hex()}", self.chain_id)

    def recall(
        self, steps: Sequence[RecallStep], parts: Mapping[BatchId, Parts], reason: str, keystore: Path, password: str
    ) -> dict[BatchId, str]:
        """Recalls batches in the order of `steps`, each in a transaction of its own; their hashes.

        All are signed at once, with nonces in that order, so that each follows its parent. Raises what the contract
        would refuse the first with, before anything is signed; `InsufficientFundsError`.
        """
        calls = recall_calls(steps, parts, checked_reason(reason))
        signer = self._signer(keystore, password)
        self.simulate_as(signer.address, calls[0])
        calls = [keyed(call, f"{signer.address}:{call.key}") for call in calls]
        self.carry()  # what has failed meanwhile may be sent again
        try:
            self._chain.with_signer(signer).send_many(calls, wait=False, check=False)
        except (InclusionTimeoutError, InsufficientFundsError):
            # What is signed is kept, and `carry` sends it; where nothing is, nothing was taken.
            if not self._kept(calls[0]):
                raise
        kept = {step.batch: self._kept(call) for step, call in zip(steps, calls, strict=True)}
        return {batch: tx_hash for batch, tx_hash in kept.items() if tx_hash}

    def _kept(self, call: Call) -> str | None:
        """The hash of the transaction that the outbox has for a call."""
        kept = self._outbox.by_key(call.key or "")
        return None if kept is None or kept.tx_hash is None else f"0x{kept.tx_hash.hex()}"

    def send(self, keystore: Path, password: str, call: Call) -> str:
        """Sends a call in the name of the keystore's operator, once for each key; the transaction's hash."""
        signer = self._signer(keystore, password)
        call = keyed(call, f"{signer.address}:{call.key}")
        try:
            return self._chain.with_signer(signer).submit(call, wait=False).tx
        except InclusionTimeoutError:
            # Signed and kept: `carry` sends it when the node is back, so it is not refused.
            kept = self._kept(call)
            if kept is None:
                raise
            return kept

    def _signer(self, keystore: Path, password: str) -> Signer:
        try:
            return keystore_signer(keystore, password)
        except InvalidInput as error:
            if error.field == "password":
                raise LoginFailedError("the password is wrong", field="password", hint="nothing was sent") from error
            log.warning("a keystore cannot be used: %s", error)
            raise Unavailable(
                "this account's key cannot be used here just now",
                field="keystore",
                hint="nothing was sent; tell the portal's operator",
            ) from error

    def carry(self) -> int:
        """Sends again what was accepted and no block has yet, whatever died meanwhile; how many are under way."""
        return self._chain.carry()

    def calldata_since(self, label: str, block: int) -> list[bytes]:
        """What was sent from here, such as `ProcessLedger.appendRecords`, and no block up to `block` has."""
        return self._outbox.data_since(label, block)

    def simulate_as(self, sender: str, call: Call) -> None:
        """Raises what the contract would refuse the call with; `RightsUnknown` where the chain does not answer."""
        try:
            self._chain.simulate(call.contract, call.function, *call.args, sender=sender)
        except ChainUnavailableError as error:
            raise RightsUnavailableError("the chain does not answer; nothing was written", field="chain") from error

    def recorder(self, signer: Signer, department: str) -> CaptureRecorder:
        """Puts digests of captured documents into a department of the signer's organisation."""
        return CaptureRecorder(self._chain.with_signer(signer), department)

    # -- watching

    def is_ours(self, tx_hash: str, sender: str) -> bool:
        """Whether the node knows the transaction and it goes from `sender` to this deployment's custody ledger."""
        transaction = self._rpc.call("eth_getTransactionByHash", tx_hash)
        return (
            isinstance(transaction, dict)
            and str(transaction.get("from")).lower() == sender.lower()
            and str(transaction.get("to")).lower() == self._manifest.address("CustodyLedger").lower()
        )

    def outcome(self, tx_hash: str) -> TransactionOutcome:
        """What the chain says of a transaction."""
        receipt = self._rpc.call("eth_getTransactionReceipt", tx_hash)
        if receipt is None:
            return TransactionOutcome(included=False, succeeded=None, message=None)
        succeeded = int(receipt["status"], 16) == 1
        message = None if succeeded else self._why(tx_hash, receipt["blockNumber"])
        return TransactionOutcome(included=True, succeeded=succeeded, message=message)

    def _why(self, tx_hash: str, block: str) -> str:
        """The contract's words, by trying the transaction again on the state that its block left."""
        sent = self._rpc.call("eth_getTransactionByHash", tx_hash)
        fields = {"from": sent["from"], "to": sent["to"], "data": sent["input"]}
        answer = self._rpc.batch_outcomes([("eth_call", [fields, block])])[0]
        data = revert_data(answer.data) if isinstance(answer, RpcError) else b""
        words = f": {decode_revert(data).message}" if data else ""
        return f"the contract refused it{words}"

    def close(self) -> None:
        """Closes the connections."""
        self._outbox.close()
        self._rpc.close()


def checked_reason(reason: str) -> str:
    """A reason fit for the chain; `InvalidInput` naming `reason`."""
    text = " ".join(reason.split())
    if not 3 <= len(text) <= MAX_REASON:
        raise InvalidInput(
            f"3 to {MAX_REASON} characters are needed, got {len(text)}",
            field="reason",
            hint="say in a sentence why; it stands on the chain for ever, so name no person",
        )
    return text
