"""Inspection results signed by one inspector (EIP-712)."""

from __future__ import annotations

import hashlib
import time
from datetime import datetime

import orjson

from chromatrace.chain import reads
from chromatrace.crypto.eip712 import Inspection, sign_inspection
from chromatrace.documents.content import InspectionEvidence
from chromatrace.domain.rights import Stage, Verdict
from chromatrace.services.workspace import Workspace


def sign(
    workspace: Workspace,
    evidence: InspectionEvidence,
    verdict: Verdict,
    sample_size: int,
    defects: int,
    *,
    valid_s: int = 86_400,
) -> tuple[Inspection, bytes]:
    """Store `evidence` and return the inspection that it describes, signed by the acting inspector.

    valid_s  seconds in which the signature can be submitted
    """
    key = evidence.key
    state = workspace.reader.read(reads.batch(key.batch_id))
    revision = state.first_revision if evidence.stage is Stage.FIRST else state.final_revision
    inspector = workspace.signer.address
    lane = int.from_bytes(hashlib.sha256(bytes(key.batch_id) + bytes([evidence.stage])).digest()[:24], "big")
    instrument = orjson.dumps(evidence.instrument.as_json(), option=orjson.OPT_SORT_KEYS)
    inspection = Inspection(
        batch=key.batch_id,
        stage=evidence.stage,
        verdict=verdict,
        revision=revision + 1,
        sample_size=sample_size,
        defects=defects,
        instrument=hashlib.sha256(instrument).digest(),
        evidence=workspace.documents.put(evidence.to_bytes()),
        inspected_at=int(datetime.fromisoformat(evidence.inspected_at).timestamp()),
        inspector=inspector,
        nonce=workspace.reader.read(reads.inspection_nonce(inspector, lane)),
        deadline=int(time.time()) + valid_s,
    )
    ledger = workspace.manifest.address("InspectionLedger")
    return inspection, sign_inspection(inspection, workspace.signer, workspace.chain_id, ledger)
