"""Department records on the chain, appended by the portal itself for captured documents."""

from __future__ import annotations

from collections.abc import Sequence

from chromatrace.chain import calls, reads
from chromatrace.chain.client import Chain
from chromatrace.chain.outbox_entries import CallState
from chromatrace.domain.errors import NotFound
from chromatrace.domain.identifiers import DepartmentId
from chromatrace.domain.ledger_entries import LedgerEntry, kind_hash, pack, record_id, subject_id

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
        self._department: DepartmentId | None = None

    def __call__(self, digest: bytes, products: Sequence[str]) -> str | None:
        """The transaction, once a block has it; None while it is under way."""
        key = f"0x{digest.hex()}"
        record = record_id(CAPTURE_KIND, key)
        entries = [LedgerEntry(record, subject_id(product), None, digest) for product in products or (key,)]
        call = calls.append_records(self._in(), kind_hash(CAPTURE_SCHEMA), pack(entries))
        receipt = self._chain.submit(call.with_key(f"{CAPTURE_KIND}:{key}"), wait=False)
        return receipt.tx if receipt.state in (CallState.INCLUDED, CallState.FINAL) else None

    def resume(self) -> None:
        """Goes on with what an earlier process left, at a higher fee where it is due."""
        self._chain.resume()

    def _in(self) -> DepartmentId:
        if self._department is None:
            organisation = self._chain.read(reads.operator(self._chain.sender)).organisation
            department = self._chain.read(reads.department_id(organisation, self._name))
            if not self._chain.read(reads.department(department)).organisation:
                raise NotFound(
                    f"organisation {organisation} has no department {self._name!r} on the chain",
                    field="capture_department",
                    hint=f"an administrator opens it: `chromatrace record open {self._name!r}`",
                )
            self._department = department
        return self._department
