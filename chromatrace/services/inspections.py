"""Inspection results signed by one inspector (EIP-712)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from chromatrace.chain import reads
from chromatrace.crypto.eip712 import Inspection, sign_inspection
from chromatrace.documents.content import InspectionEvidence
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.rights import Stage, Verdict
from chromatrace.quality.findings import check_finding
from chromatrace.services.evidence import check_evidence
from chromatrace.services.workspace import Workspace
from chromatrace.storage import strict_json

if TYPE_CHECKING:
    from chromatrace.plant.equipment import Instrument
    from chromatrace.plant.records import CheckSheet

SIGNED_SCHEMA = "chromatrace.signed-inspection/1"


def sign(
    workspace: Workspace,
    evidence: InspectionEvidence,
    verdict: Verdict,
    sample_size: int,
    defects: int,
    *,
    sheet: CheckSheet | None = None,
    instruments: Sequence[Instrument] = (),
    valid_s: int = 86_400,
) -> tuple[Inspection, bytes]:
    """Store `evidence` and return the inspection that it describes, signed by the acting inspector.

    sheet        check sheet of the product and stage; None if there is none
    instruments  instruments of the plant; none if the plant does not list them
    valid_s      seconds in which the signature can be submitted

    Raises `InvalidInput` if verdict, defects and measurements contradict one another, and the errors of
    `check_evidence`.
    """
    passed = verdict is Verdict.PASS and evidence.overrule is None
    check_finding(passed, defects, sample_size, measured_misfit=not evidence.passed)
    check_evidence(workspace, evidence, verdict, sample_size, sheet, instruments)
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


def signed_document(inspection: Inspection, signature: bytes, overrule: str | None = None) -> dict[str, Any]:
    """Return the document of a signed result, to be submitted later. `overrule` as in the evidence."""
    fields = zip(inspection.__slots__, inspection.as_struct(), strict=True)
    values = {name: int(value) if isinstance(value, int) else value for name, value in fields}
    document = {"schema": SIGNED_SCHEMA, "inspection": values, "signature": signature}
    return document if overrule is None else document | {"overrule": overrule}


def read_signed(document: Any) -> tuple[Inspection, bytes]:
    """Return the result and the signature of a signed document; raises `InvalidInput` naming the member."""
    if not isinstance(document, dict):
        raise InvalidInput("expected a JSON object", field="file")
    if document.get("schema") != SIGNED_SCHEMA:
        raise InvalidInput(f"schema is {document.get('schema')!r}; expected {SIGNED_SCHEMA!r}", field="schema")
    fields = dict(strict_json.members(document.get("inspection"), "/inspection", Inspection.__slots__))
    for name in ("batch", "instrument", "evidence"):
        fields[name] = strict_json.digest(fields[name], f"/inspection/{name}")
    fields["stage"], fields["verdict"] = Stage(fields["stage"]), Verdict(fields["verdict"])
    fields["nonce"] = int(fields["nonce"])
    defects = strict_json.whole(fields["defects"], "/inspection/defects")
    passed = fields["verdict"] is Verdict.PASS and document.get("overrule") is None
    check_finding(passed, defects, strict_json.whole(fields["sample_size"], "/inspection/sample_size"))
    try:
        signature = bytes.fromhex(str(document.get("signature")).removeprefix("0x"))
    except ValueError as error:
        raise InvalidInput("expected 0x and hexadecimal digits", field="/signature") from error
    return Inspection(**fields), signature
