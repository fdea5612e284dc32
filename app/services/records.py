"""Department records on the chain: appended by an operator, and by the portal itself for captured documents."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from chromatrace.chain.abi import contract
from chromatrace.chain.client import Call, Chain
from chromatrace.chain.commands import keyed
from chromatrace.chain.records import CallState
from chromatrace.domain.errors import NotFound
from chromatrace.domain.ledger_entries import LedgerEntry, kind_hash, pack, record_id, subject_id, unpack
from chromatrace.records.errors import RecordUnderWay

if TYPE_CHECKING:
    from app.services.port import ChainPort


_LABEL = "ProcessLedger.appendRecords"


class RecordWriter:
    """What `chromatrace.records.desk` asks of the chain. To append, it must be `unlocked` first.

    indexed  the block that the index has reached
    lock     a file by which the portal's workers append one after another
    A record that was taken here and is not in the index yet is refused with `RecordUnderWay`, whoever sends it again.
    """

    def __init__(self, port: ChainPort, address: str, indexed: Callable[[], int], lock: Path) -> None:
        self._port, self._address = port, address
        self._indexed, self._lock = indexed, lock
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
        self._need_new(department, packed)

    def append(self, department: bytes, kind: bytes, packed: bytes) -> str:
        """Appends, and returns the transaction's id at once: the outbox has it."""
        assert self._unlocked is not None
        call = keyed(self._call(department, kind, packed), f"record:{sha256(packed).hexdigest()}")
        with self._lock.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._need_new(department, packed)
            return self._port.send(*self._unlocked, call)

    def _need_new(self, department: bytes, packed: bytes) -> None:
        """Raises `RecordUnderWay` for records of this department that the outbox has and the index has not."""
        sent = (
            contract("ProcessLedger").decode_input(data)[1]
            for data in self._port.calldata_since(_LABEL, self._indexed())
        )
        known = {entry.record for args in sent if args["id"] == department for entry in unpack(args["records"])}
        twice = known & {entry.record for entry in unpack(packed)}
        if twice:
            raise RecordUnderWay(twice)

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
