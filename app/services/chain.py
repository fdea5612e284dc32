"""Read rights from the chain, send transactions for operators, and report their outcome."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from app.errors import KeyUnusableError, LoginFailedError, RightsRevokedError, RightsUnavailableError
from app.services.captures import CaptureRecorder
from app.services.recalls import recall_calls
from chromatrace.chain import reads
from chromatrace.chain.calls import Call, accept_custody, reject_custody
from chromatrace.chain.client import Chain
from chromatrace.chain.outbox import Outbox
from chromatrace.chain.reads import Read
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import BatchId, DepartmentId, Gtin, OrganisationId
from chromatrace.domain.rights import Scope
from chromatrace.ethereum import contract_wallets
from chromatrace.ethereum.contract_errors import decode_revert, revert_data
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
from chromatrace.services.proposals import confirm_proposal, reject_proposal, settle_holds
from chromatrace.services.recall import PlannedRecall
from chromatrace.services.rights import Rights, readable_scopes, rights_of
from chromatrace.twin.plan import TwinPlan
from chromatrace.twin.store.database import TwinStore
from chromatrace.twin.store.proposals import ProposalView

T = TypeVar("T")

log = logging.getLogger(__name__)

Key = Signer
"""An unlocked signing key."""

MAX_REASON = 200
"""Maximum length of a reason recorded on the chain, in characters."""


@dataclass(frozen=True, slots=True)
class WalletCall:
    """A transaction for a wallet to sign."""

    to: str
    data: str
    chain_id: int


@dataclass(frozen=True, slots=True)
class TransactionOutcome:
    """Outcome of a transaction. `succeeded` is None until a block includes it."""

    included: bool
    succeeded: bool | None
    message: str | None


class ChainService:
    """One deployment on one chain. Thread-safe. Verifies the deployment before the first read."""

    def __init__(self, rpc_url: str, manifest: Manifest, outbox: Path) -> None:
        self._rpc = RpcClient(rpc_url, patience_s=5.0)
        self._manifest = manifest
        self._outbox = Outbox(outbox)
        self._chain = Chain(self._rpc, manifest, self._outbox)
        self._verified = False

    @property
    def chain_id(self) -> int:
        """The chain id of the manifest."""
        return self._manifest.chain_id

    @property
    def registry(self) -> str:
        """The address of the batch registry."""
        return self._manifest.address("BatchRegistry")

    # -- rights

    def rights_of(self, address: str) -> Rights:
        """Return the organisation that `address` acts for now, and its roles.

        Raises `RightsRevokedError` with the contract's reason, and `RightsUnavailableError`.
        """
        try:
            return self._ask(lambda chain: rights_of(chain, address))
        except ContractError as error:
            raise RightsRevokedError(
                f"the consortium does not authorise this operator: {error.message}",
                field="operator",
                hint=error.hint or "contact an administrator of your organisation",
            ) from error

    def readable_scopes(self, address: str, owner: int, gtin: Gtin) -> Scope:
        """Return the scopes of `owner`'s product line `gtin` that `address` may now read."""
        return self._ask(lambda chain: readable_scopes(chain, address, OrganisationId(owner), gtin))

    def may_read_department(self, address: str, department: bytes) -> bool:
        """Return whether `address` may now read a department's records."""
        return self.read(reads.may_read_department(DepartmentId(department), address))

    def latest(self) -> tuple[int, int]:
        """Return number and time (Unix seconds) of the newest block. Raises `RightsUnavailableError`."""
        block = self._block("latest")
        return int(block["number"], 16), int(block["timestamp"], 16)

    def block_hash(self, number: int) -> bytes | None:
        """Return the hash of a block; None if the node does not have it. Raises `RightsUnavailableError`."""
        block = self._block(hex(number))
        return bytes.fromhex(block["hash"].removeprefix("0x")) if block else None

    def _block(self, tag: str) -> dict[str, str]:
        block = self._ask(lambda _: self._rpc.call("eth_getBlockByNumber", tag, False))
        if block is None and tag != "latest":
            return {}
        if not isinstance(block, dict) or not {"number", "timestamp", "hash"} <= block.keys():
            raise RightsUnavailableError("the node returned no block", field="chain", hint="try again in a minute")
        return block

    def read(self, read: Read[T]) -> T:
        """Call a view function. Raises `RightsUnavailableError` if the chain or the deployment does not respond."""
        return self._ask(lambda chain: chain.read(read))

    def _ask(self, question: Callable[[Chain], T]) -> T:
        try:
            if not self._verified:
                self._manifest.verify(self._rpc)
                self._verified = True
            return question(self._chain)
        except (ChainUnavailableError, RpcError) as error:
            raise RightsUnavailableError(
                "the chain does not respond, so your rights cannot be checked",
                field="chain",
                hint="nothing was changed; try again in a minute",
            ) from error
        except WrongDeploymentError as error:
            raise RightsUnavailableError(
                "the chain at the RPC URL does not match the consortium's deployment manifest",
                field="chain",
                hint="contact the operator of this portal",
            ) from error

    # -- contract wallets

    def is_contract(self, address: str) -> bool:
        """Return whether a contract is at `address`."""
        return contract_wallets.is_contract(self._rpc, address)

    def contract_accepts_signature(self, address: str, digest: bytes, signature: bytes) -> bool:
        """Return whether the contract at `address` accepts the signature (ERC-1271); False without a contract.

        Raises `RightsUnavailableError`.
        """
        try:
            return contract_wallets.contract_accepts_signature(self._rpc, address, digest, signature)
        except ChainUnavailableError as error:
            raise RightsUnavailableError(
                "the chain does not respond, so the signature cannot be checked", field="chain"
            ) from error

    # -- writes

    def accept(self, batch: BatchId, keystore: Path, password: str, offer: str) -> str:
        """Accept an offer. Return the transaction hash. `offer` identifies the offer, so it is answered once."""
        return self.send(keystore, password, accept_custody(batch).with_key(f"accept:{offer}"))

    def reject(self, batch: BatchId, reason: str, keystore: Path, password: str, offer: str) -> str:
        """Reject an offer with a reason of at most `MAX_REASON` characters. Return the transaction hash."""
        call = reject_custody(batch, normalise_reason(reason)).with_key(f"reject:{offer}")
        return self.send(keystore, password, call)

    def wallet_accept(self, batch: BatchId) -> WalletCall:
        """Return the transaction that accepts an offer."""
        return self._wallet_call(accept_custody(batch))

    def wallet_reject(self, batch: BatchId, reason: str) -> WalletCall:
        """Return the transaction that rejects an offer."""
        return self._wallet_call(reject_custody(batch, normalise_reason(reason)))

    def _wallet_call(self, call: Call) -> WalletCall:
        return WalletCall(self._manifest.address(call.contract), f"0x{call.encode().hex()}", self.chain_id)

    def recall(self, recall: PlannedRecall, reason: str, keystore: Path, password: str) -> dict[BatchId, str]:
        """Recall batches in the order of the plan, one transaction each. Return the transaction hashes.

        All are signed at once with nonces in that order, so each is executed after its parent. Raises the
        contract's error for the first recall before anything is signed, and `InsufficientFundsError`.
        """
        calls = recall_calls(recall, normalise_reason(reason))
        signer = self._signer(keystore, password)
        self.simulate_as(signer.address, calls[0])
        calls = [call.with_key(f"{signer.address}:{call.key}") for call in calls]
        self.carry()  # updates the outbox: failed recalls may be sent again
        try:
            self._chain.with_signer(signer).send_many(calls, wait=False, check=False)
        except (InclusionTimeoutError, InsufficientFundsError):
            # `carry` sends what is already signed. If nothing is signed, the recall failed as a whole.
            if not self._sent_hash(calls[0]):
                raise
        hashes = {step.batch: self._sent_hash(call) for step, call in zip(recall.plan.steps, calls, strict=True)}
        return {batch: tx_hash for batch, tx_hash in hashes.items() if tx_hash}

    def _sent_hash(self, call: Call) -> str | None:
        """Return the transaction in the outbox for a call."""
        entry = self._outbox.by_key(call.key or "")
        return None if entry is None or entry.tx_hash is None else f"0x{entry.tx_hash.hex()}"

    def send(self, keystore: Path, password: str, call: Call) -> str:
        """Send a call signed by the keystore, once per call key. Return the transaction hash."""
        signer = self._signer(keystore, password)
        return self._submit(signer, call.with_key(f"{signer.address}:{call.key}"))

    def _submit(self, signer: Signer, call: Call) -> str:
        try:
            return self._chain.with_signer(signer).submit(call, wait=False).tx
        except InclusionTimeoutError:
            # The signed transaction is in the outbox: `carry` sends it when the node is available again.
            tx_hash = self._sent_hash(call)
            if tx_hash is None:
                raise
            return tx_hash

    def confirm_proposal(
        self,
        store: TwinStore,
        plan: TwinPlan,
        address: str,
        proposal_id: int,
        keystore: Path,
        password: str,
        value: float | None = None,
    ) -> ProposalView:
        """Confirm a proposal of the twin. The keystore signs a hold. Raises as `services.proposals`."""

        def submit(call: Call) -> str:
            return self._submit(self._signer(keystore, password), call)  # the twin finds it by the call's own key

        return self._ask(
            lambda chain: confirm_proposal(
                store, chain, plan, address, proposal_id, time.time_ns(), submit, value=value
            )
        )

    def reject_proposal(
        self, store: TwinStore, plan: TwinPlan, address: str, proposal_id: int, reason: str
    ) -> ProposalView:
        """Reject a proposal of the twin. Raises as `services.proposals`."""
        return self._ask(
            lambda chain: reject_proposal(store, chain, plan, address, proposal_id, time.time_ns(), reason)
        )

    def settle_holds(self, store: TwinStore) -> None:
        """Store the outcome of the holds that this portal sent."""
        settle_holds(store, self._outbox, time.time_ns())

    def _signer(self, keystore: Path, password: str) -> Signer:
        try:
            return keystore_signer(keystore, password)
        except InvalidInput as error:
            if error.field == "password":
                raise LoginFailedError("wrong password", field="password", hint="nothing was sent") from error
            log.warning("cannot open a keystore: %s", error)
            raise KeyUnusableError(
                "the key of this account is not usable",
                field="keystore",
                hint="nothing was sent; contact the operator of this portal",
            ) from error

    def carry(self) -> int:
        """Resend accepted transactions that no block includes yet. Return the number of pending ones."""
        return self._chain.carry()

    def calldata_since(self, label: str, block: int) -> list[bytes]:
        """Return the calldata of sent calls, such as `ProcessLedger.appendRecords`, not included up to `block`."""
        return self._outbox.data_since(label, block)

    def simulate_as(self, sender: str, call: Call) -> None:
        """Raise the contract's error if the call would revert. Raises `RightsUnavailableError`."""
        try:
            self._chain.simulate(call, sender)
        except ChainUnavailableError as error:
            raise RightsUnavailableError("the chain does not respond; nothing was written", field="chain") from error

    def recorder(self, signer: Signer, department: str) -> CaptureRecorder:
        """Return a recorder of captured documents for a department of the signer's organisation."""
        return CaptureRecorder(self._chain.with_signer(signer), department)

    # -- outcomes

    def is_custody_transaction(self, tx_hash: str, sender: str) -> bool:
        """Return whether the node has a transaction from `sender` to this deployment's custody ledger."""
        transaction = self._rpc.call("eth_getTransactionByHash", tx_hash)
        return (
            isinstance(transaction, dict)
            and str(transaction.get("from")).lower() == sender.lower()
            and str(transaction.get("to")).lower() == self._manifest.address("CustodyLedger").lower()
        )

    def outcome(self, tx_hash: str) -> TransactionOutcome:
        """Return the outcome of a transaction."""
        receipt = self._rpc.call("eth_getTransactionReceipt", tx_hash)
        if receipt is None:
            return TransactionOutcome(included=False, succeeded=None, message=None)
        succeeded = int(receipt["status"], 16) == 1
        message = None if succeeded else self._revert_reason(tx_hash, receipt["blockNumber"])
        return TransactionOutcome(included=True, succeeded=succeeded, message=message)

    def _revert_reason(self, tx_hash: str, block: str) -> str:
        """Return the contract's error, by simulating the transaction on the state after its block."""
        transaction = self._rpc.call("eth_getTransactionByHash", tx_hash)
        fields = {"from": transaction["from"], "to": transaction["to"], "data": transaction["input"]}
        result = self._rpc.batch_outcomes([("eth_call", [fields, block])])[0]
        data = revert_data(result.data) if isinstance(result, RpcError) else b""
        reason = f": {decode_revert(data).message}" if data else ""
        return f"the contract rejected the transaction{reason}"

    def close(self) -> None:
        """Close the outbox and the RPC connection."""
        self._outbox.close()
        self._rpc.close()


def normalise_reason(reason: str) -> str:
    """Return a reason as a single line. Raises `InvalidInput` if it is too short or too long."""
    text = " ".join(reason.split())
    if not 3 <= len(text) <= MAX_REASON:
        raise InvalidInput(
            f"the reason has {len(text)} characters; expected 3 to {MAX_REASON}",
            field="reason",
            hint="give the reason in one sentence; it is public and permanent, so do not name a person",
        )
    return text
