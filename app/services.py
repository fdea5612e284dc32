"""The one command port: every question of rights to the chain, and every write, goes through here.

No other module of the portal imports `chromatrace.chain`. A key is unlocked by its owner's password for one action and
forgotten with it; the portal never holds an unlocked one.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import LoginRefused, RightsEnded, RightsUnknown
from chromatrace.chain.abi import contract
from chromatrace.chain.client import Call, Chain
from chromatrace.chain.commands import accept_custody, keyed, refuse_custody
from chromatrace.chain.errors import (
    ChainUnavailable,
    ContractRefusal,
    InclusionTimeout,
    KeyReused,
    RpcError,
    WrongDeployment,
)
from chromatrace.chain.manifest import Manifest
from chromatrace.chain.outbox import Outbox
from chromatrace.chain.records import CallState
from chromatrace.chain.rpc import RpcClient
from chromatrace.chain.signer import Signer, create_keystore, keystore_signer
from chromatrace.domain.errors import Conflict, InvalidInput, NotFound, Unavailable
from chromatrace.domain.identifiers import BatchId, Gtin
from chromatrace.domain.ledger_entries import LedgerEntry, kind_hash, pack, record_id, subject_id
from chromatrace.domain.rights import Role, Scope

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
class Outcome:
    """What became of a transaction: None while no block has it."""

    included: bool
    succeeded: bool | None
    message: str | None


class ChainPort:
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
            return int(self._read("Consortium", "authorize", address, int(roles)))
        except ContractRefusal as error:
            raise RightsEnded(
                f"the consortium does not authorise this operator: {error.message}",
                field="operator",
                hint=error.hint or "ask an administrator of your organisation",
            ) from error

    def roles_of(self, address: str) -> Role:
        """The operator's roles as they stand on the chain; use only after `authorise`."""
        return Role(self._read("Consortium", "operator", address)["roles"])

    def may_read(self, address: str, owner: int, gtin: Gtin, scopes: Scope) -> bool:
        """Whether `address` may read all of `scopes` of `owner`'s product line `gtin`, now."""
        return bool(self._read("Consortium", "mayRead", address, owner, int(gtin), int(scopes)))

    def may_read_department(self, address: str, department: bytes) -> bool:
        """Whether `address` may read a department's records now; `RightsUnknown`."""
        return bool(self._read("ProcessLedger", "mayReadDepartment", department, address))

    def ping(self) -> None:
        """Raises `RightsUnknown` where the chain does not answer."""
        self._read("Consortium", "organisationCount")

    def latest(self) -> tuple[int, int]:
        """Number and time (Unix seconds) of the chain's newest block; `RightsUnknown` where it does not answer."""
        self.ping()
        block = self._rpc.call("eth_getBlockByNumber", "latest", False)
        return int(block["number"], 16), int(block["timestamp"], 16)

    def _read(self, name: str, function: str, *args: Any) -> Any:
        try:
            if not self._verified:
                self._manifest.verify(self._rpc)
                self._verified = True
            return self._chain.read(name, function, *args)
        except (ChainUnavailable, RpcError) as error:
            raise RightsUnknown(
                "the chain does not answer, so nobody's rights can be checked",
                field="chain",
                hint="try again in a minute; nothing was changed",
            ) from error
        except WrongDeployment as error:
            raise RightsUnknown(
                "the chain that answers is not the consortium's, so its answers are not believed",
                field="chain",
                hint="the portal's operator has to name the right chain and manifest",
            ) from error

    # -- writes

    def accept(self, batch: BatchId, keystore: Path, password: str, offer: str) -> str:
        """Accepts an offer in the name of the keystore's operator; the transaction's hash. `offer` names the offer."""
        return self._send(keystore, password, keyed(accept_custody(batch), f"accept:{offer}"))

    def refuse(self, batch: BatchId, reason: str, keystore: Path, password: str, offer: str) -> str:
        """Refuses an offer, with a reason of at most `MAX_REASON` characters; the transaction's hash."""
        return self._send(keystore, password, keyed(refuse_custody(batch, checked_reason(reason)), f"refuse:{offer}"))

    def wallet_accept(self, batch: BatchId) -> WalletCall:
        """What a wallet signs to accept."""
        return self._wallet_call(accept_custody(batch))

    def wallet_refuse(self, batch: BatchId, reason: str) -> WalletCall:
        """What a wallet signs to refuse."""
        return self._wallet_call(refuse_custody(batch, checked_reason(reason)))

    def _wallet_call(self, call: Call) -> WalletCall:
        data = contract(call.contract).encode(call.function, *call.args)
        return WalletCall(self._manifest.address(call.contract), f"0x{data.hex()}", self.chain_id)

    def _send(self, keystore: Path, password: str, call: Call) -> str:
        try:
            signer = keystore_signer(keystore, password)
        except InvalidInput as error:
            if error.field == "password":
                raise LoginRefused("the password is wrong", field="password", hint="nothing was sent") from error
            log.warning("a keystore cannot be used: %s", error)
            raise Unavailable(
                "this account's key cannot be used here just now",
                field="keystore",
                hint="nothing was sent; tell the portal's operator",
            ) from error
        key = f"{signer.address}:{call.key}"
        try:
            return self._chain.with_signer(signer).submit(keyed(call, key), wait=False).tx
        except InclusionTimeout:
            # Signed and kept: `carry` sends it when the node is back, so it is not refused.
            kept = self._outbox.by_key(key)
            if kept is None or kept.tx_hash is None:
                raise
            return "0x" + kept.tx_hash.hex()

    def carry(self) -> int:
        """Sends again what was accepted and no block has yet, whatever died meanwhile; how many are under way."""
        return self._chain.carry()

    def record_writer(self, address: str) -> RecordWriter:
        """Department records as `address` may read and write them."""
        return RecordWriter(self, address)

    def read(self, name: str, function: str, *args: Any) -> Any:
        """A view function of one of our contracts; `RightsUnknown` where the chain does not answer."""
        return self._read(name, function, *args)

    def simulate_as(self, sender: str, call: Call) -> None:
        """Raises what the contract would refuse the call with; `RightsUnknown` where the chain does not answer."""
        try:
            self._chain.simulate(call.contract, call.function, *call.args, sender=sender)
        except ChainUnavailable as error:
            raise RightsUnknown("the chain does not answer; nothing was written", field="chain") from error

    def send(self, keystore: Path, password: str, call: Call) -> str:
        """Sends a call in the name of the keystore's operator, once for each key; the transaction's hash."""
        return self._send(keystore, password, call)

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

    def outcome(self, tx_hash: str) -> Outcome:
        """What the chain says of a transaction."""
        receipt = self._rpc.call("eth_getTransactionReceipt", tx_hash)
        if receipt is None:
            return Outcome(included=False, succeeded=None, message=None)
        succeeded = int(receipt["status"], 16) == 1
        message = None if succeeded else "the contract refused it; the offer or your rights changed in the meantime"
        return Outcome(included=True, succeeded=succeeded, message=message)

    def close(self) -> None:
        """Closes the connections."""
        self._outbox.close()
        self._rpc.close()


class RecordWriter:
    """What `chromatrace.records.desk` asks of the chain. To append, it must be `unlocked` first."""

    def __init__(self, port: ChainPort, address: str) -> None:
        self._port, self._address = port, address
        self._unlocked: tuple[Path, str] | None = None

    def unlock(self, keystore: Path, password: str) -> None:
        """Names the key that signs."""
        self._unlocked = keystore, password

    def may_read(self, department: bytes) -> bool:
        """Whether the operator may read a department now."""
        return bool(self._port.read("ProcessLedger", "mayReadDepartment", department, self._address))

    def check(self, department: bytes, kind: bytes, packed: bytes) -> None:
        """Raises what the contract would refuse the append with."""
        self._port.simulate_as(self._address, self._call(department, kind, packed))

    def append(self, department: bytes, kind: bytes, packed: bytes) -> str:
        """Appends, and returns the transaction's id at once: the outbox has it."""
        assert self._unlocked is not None
        # The first record's id is the key: the same record sent twice, before the index has it, is refused.
        call = keyed(self._call(department, kind, packed), f"record:{packed[:20].hex()}")
        try:
            return self._port.send(*self._unlocked, call)
        except KeyReused as error:
            raise Conflict(
                "this record is on its way to the chain already", field="", hint="records are never changed"
            ) from error

    def _call(self, department: bytes, kind: bytes, packed: bytes) -> Call:
        return Call("ProcessLedger", "appendRecords", (department, kind, packed))


CAPTURE_KIND = "epcis.capture"
CAPTURE_SCHEMA = "chromatrace.record/epcis.capture/1"


class CaptureRecorder:
    """Appends a department record for each captured EPCIS document: its digest is the SHA-256 of the document's bytes.

    The record's key is that digest as text, its subjects are the batches (`GTIN/lot`) or product lines that the
    document names. The outbox takes each document once, however often it is asked to.
    """

    def __init__(self, chain: Chain, department: str) -> None:
        self._chain = chain
        self._name = department
        self._department: bytes | None = None

    def __call__(self, digest: bytes, products: Sequence[str]) -> str | None:
        """The transaction, once a block has it; None while it is under way."""
        key = f"0x{digest.hex()}"
        record = record_id(CAPTURE_KIND, key)
        entries = [LedgerEntry(record, subject_id(product), None, digest) for product in products or (key,)]
        args = (self._in(), kind_hash(CAPTURE_SCHEMA), pack(entries))
        call = Call("ProcessLedger", "appendRecords", args, f"{CAPTURE_KIND}:{key}")
        receipt = self._chain.submit(call, wait=False)
        return receipt.tx if receipt.state in (CallState.INCLUDED, CallState.FINAL) else None

    def resume(self) -> None:
        """Goes on with what an earlier process left, at a higher fee where it is due."""
        self._chain.resume()

    def _in(self) -> bytes:
        if self._department is None:
            organisation = self._chain.read("Consortium", "operator", self._chain.sender)["organisation"]
            found = bytes(self._chain.read("ProcessLedger", "departmentIdOf", organisation, self._name))
            if not self._chain.read("ProcessLedger", "department", found)["organisation"]:
                raise NotFound(
                    f"organisation {organisation} has no department {self._name!r} on the chain",
                    field="capture_department",
                    hint=f"an administrator opens it: `chromatrace record open {self._name!r}`",
                )
            self._department = found
        return self._department


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


def new_keystore(path: Path, password: str) -> str:
    """Makes an operator key, encrypted under `password`; its address."""
    return str(create_keystore(path, password).address)


def adopt_keystore(path: Path, password: str, private_key: bytes) -> str:
    """Encrypts an existing key under `password`; its address."""
    return str(create_keystore(path, password, key=private_key).address)


def dev_addresses() -> frozenset[str]:
    """Addresses whose keys are published with the development chains, lower case."""
    return _PUBLISHED


_PUBLISHED = frozenset(
    {
        "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266",
        "0x70997970c51812dc3a010c7d01b50e0d17dc79c8",
        "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc",
        "0x90f79bf6eb2c4f870365e785982e1f101e93b906",
        "0x15d34aaf54267db7d7c367839aaf71a00a2c6a65",
        "0x9965507d1a55bcc2695c58ba16fb37d819b0a4dc",
        "0x976ea74026e726554db657fa54763abd0c3a0aa9",
        "0x14dc79964da2c08b23698b3d3cc7ca32193d9955",
        "0x23618e81e3f5cdf7f54c3d65f7fbc0abf5b21e8f",
        "0xa0ee7a142d267c1f36714e4a8f75612f20a79720",
    }
)
"""The ten first addresses of Anvil's mnemonic; a test derives them anew."""
