"""Department records on the chain, appended by an operator."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from app.services.port import ChainPort
from chromatrace.chain.calls import append_records
from chromatrace.domain.identifiers import DepartmentId
from chromatrace.domain.ledger_entries import unpack
from chromatrace.ethereum.abi import contract
from chromatrace.records.errors import RecordPendingError
from chromatrace.storage.lock import ProcessLock

_LABEL = "ProcessLedger.appendRecords"


class RecordWriter:
    """What `chromatrace.records.department_records` asks of the chain. To append, it must be `unlocked` first.

    indexed  the block that the index has reached
    lock     a file by which the portal's workers append one after another
    A record that was taken here and is not in the index yet is rejected with `RecordPendingError`.
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
        return self._port.may_read_department(self._address, department)

    def check(self, department: bytes, kind: bytes, packed: bytes) -> None:
        """Raises what the contract would refuse the append with."""
        self._port.simulate_as(self._address, append_records(DepartmentId(department), kind, packed))
        self._need_new(department, packed)

    def append(self, department: bytes, kind: bytes, packed: bytes) -> str:
        """Appends, and returns the transaction's id at once: the outbox has it."""
        assert self._unlocked is not None
        call = append_records(DepartmentId(department), kind, packed)
        with ProcessLock(self._lock):
            self._need_new(department, packed)
            return self._port.send(*self._unlocked, call.with_key(f"record:{sha256(packed).hexdigest()}"))

    def _need_new(self, department: bytes, packed: bytes) -> None:
        """Raises `RecordPendingError` for records of this department that the outbox has and the index has not."""
        sent = (
            contract("ProcessLedger").decode_call(data)[1]
            for data in self._port.calldata_since(_LABEL, self._indexed())
        )
        known = {entry.record for args in sent if args["id"] == department for entry in unpack(args["records"])}
        twice = known & {entry.record for entry in unpack(packed)}
        if twice:
            raise RecordPendingError(twice)
