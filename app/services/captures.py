"""Department records that the portal appends for captured EPCIS documents."""

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
    """Appends a department record for each captured EPCIS document, with the SHA-256 of the document's bytes.

    The record's key is the digest as hex; its subjects are the batches (`GTIN/lot`) or product lines in the document.
    Each document is sent once, however often the recorder is called.
    """

    def __init__(self, chain: Chain, department: str) -> None:
        self._chain = chain
        self._name = department
        self._department: DepartmentId | None = None

    def __call__(self, digest: bytes, products: Sequence[str]) -> str | None:
        """Return the transaction once a block includes it; None while it is pending."""
        key = f"0x{digest.hex()}"
        record = record_id(CAPTURE_KIND, key)
        entries = [LedgerEntry(record, subject_id(product), None, digest) for product in products or (key,)]
        call = calls.append_records(self._department_id(), kind_hash(CAPTURE_SCHEMA), pack(entries))
        receipt = self._chain.submit(call.with_key(f"{CAPTURE_KIND}:{key}"), wait=False)
        return receipt.tx if receipt.state in (CallState.INCLUDED, CallState.FINAL) else None

    def resume(self) -> None:
        """Resume transactions of an earlier process, with a higher fee if necessary."""
        self._chain.resume()

    def _department_id(self) -> DepartmentId:
        if self._department is None:
            organisation = self._chain.read(reads.operator(self._chain.sender)).organisation
            department = self._chain.read(reads.department_id(organisation, self._name))
            if not self._chain.read(reads.department(department)).organisation:
                raise NotFound(
                    f"organisation {organisation} has no department {self._name!r} on the chain",
                    field="capture_department",
                    hint=f"an administrator can open it: `chromatrace record open {self._name!r}`",
                )
            self._department = department
        return self._department
