"""Department records on the chain: appended by an operator, and by the portal itself for captured documents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chromatrace.chain.client import Call, Chain
from chromatrace.chain.commands import keyed
from chromatrace.chain.errors import KeyReused
from chromatrace.chain.records import CallState
from chromatrace.domain.errors import Conflict, NotFound
from chromatrace.domain.ledger_entries import LedgerEntry, kind_hash, pack, record_id, subject_id

if TYPE_CHECKING:
    from app.services.port import ChainPort


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
