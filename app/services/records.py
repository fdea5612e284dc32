"""Append department records to the chain for an operator."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from app.services.chain import ChainService
from chromatrace.chain.calls import append_records
from chromatrace.domain.identifiers import DepartmentId
from chromatrace.domain.ledger_entries import unpack
from chromatrace.ethereum.abi import contract
from chromatrace.records.errors import RecordPendingError
from chromatrace.storage.lock import ProcessLock

_LABEL = "ProcessLedger.appendRecords"


class RecordWriter:
    """The chain access of `chromatrace.records.department_records`. Call `unlock` before `append`.

    indexed_block  returns the block that the index has reached
    lock           a file that serialises the appends of all workers
    Raises `RecordPendingError` for a record that was sent and is not in the index yet, also from another worker.
    """

    def __init__(self, chain: ChainService, address: str, indexed_block: Callable[[], int], lock: Path) -> None:
        self._chain, self._address = chain, address
        self._indexed_block, self._lock = indexed_block, lock
        self._credentials: tuple[Path, str] | None = None

    def unlock(self, keystore: Path, password: str) -> None:
        """Set the key that signs."""
        self._credentials = keystore, password

    def may_read(self, department: bytes) -> bool:
        """Return whether the operator may now read a department."""
        return self._chain.may_read_department(self._address, department)

    def check(self, department: bytes, kind: bytes, packed: bytes) -> None:
        """Raise the contract's error if the append would revert."""
        self._chain.simulate_as(self._address, append_records(DepartmentId(department), kind, packed))
        self._require_not_pending(department, packed)

    def append(self, department: bytes, kind: bytes, packed: bytes) -> str:
        """Append records. Return the transaction hash as soon as the transaction is in the outbox."""
        assert self._credentials is not None
        call = append_records(DepartmentId(department), kind, packed).with_key(f"record:{sha256(packed).hexdigest()}")
        with ProcessLock(self._lock):
            self._require_not_pending(department, packed)
            return self._chain.send(*self._credentials, call)

    def _require_not_pending(self, department: bytes, packed: bytes) -> None:
        """Raise `RecordPendingError` for records of this department in the outbox that the index does not have."""
        sent = (
            contract("ProcessLedger").decode_call(data)[1]
            for data in self._chain.calldata_since(_LABEL, self._indexed_block())
        )
        pending = {entry.record for args in sent if args["id"] == department for entry in unpack(args["records"])}
        duplicates = pending & {entry.record for entry in unpack(packed)}
        if duplicates:
            raise RecordPendingError(duplicates)
