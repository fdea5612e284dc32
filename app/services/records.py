"""Department records on the chain, appended by an operator."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from app.services.chain import ChainService
from chromatrace.chain.client import Call
from chromatrace.chain.commands import keyed
from chromatrace.domain.ledger_entries import unpack
from chromatrace.ethereum.abi import contract
from chromatrace.records.errors import RecordPendingError

_LABEL = "ProcessLedger.appendRecords"


class RecordWriter:
    """What `chromatrace.records.department_records` asks of the chain. To append, it must be `unlocked` first.

    indexed  the block that the index has reached
    lock     a file by which the portal's workers append one after another
    A record that was taken here and is not in the index yet is rejected with `RecordPendingError`.
    """

    def __init__(self, port: ChainService, address: str, indexed: Callable[[], int], lock: Path) -> None:
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
        """Raises `RecordPendingError` for records of this department that the outbox has and the index has not."""
        sent = (
            contract("ProcessLedger").decode_input(data)[1]
            for data in self._port.calldata_since(_LABEL, self._indexed())
        )
        known = {entry.record for args in sent if args["id"] == department for entry in unpack(args["records"])}
        twice = known & {entry.record for entry in unpack(packed)}
        if twice:
            raise RecordPendingError(twice)

    def _call(self, department: bytes, kind: bytes, packed: bytes) -> Call:
        return Call("ProcessLedger", "appendRecords", (department, kind, packed))
