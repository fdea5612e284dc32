"""Disposition of a batch: the plant's rules decide from the recorded inspection, a person signs and may overrule.

The document is signed and stored before the batch is graded or recycled on the chain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chromatrace.chain import calls, reads
from chromatrace.chain.calls import Call
from chromatrace.chain.event_logs import events
from chromatrace.crypto.disposition_signature import recover_disposition, sign_disposition
from chromatrace.documents.content import BatchContent, InspectionEvidence
from chromatrace.documents.disposition import DecidedOutcome, DispositionDocument, Outcome
from chromatrace.documents.errors import DocumentNotFoundError
from chromatrace.domain.errors import Conflict, InvalidInput, NotFound
from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.rights import BatchState, Stage, Verdict
from chromatrace.domain.stored_batch import StoredBatch
from chromatrace.plant.disposition_rules import DISPOSITIONS
from chromatrace.plant.records import Plant
from chromatrace.quality.disposition import Values, decided_units, overrule, rules_digest
from chromatrace.quality.disposition_store import FILE_NAME, DispositionStore, SignedDisposition
from chromatrace.services.quality.unit_values import read_unit_values
from chromatrace.services.workspace import Workspace
from chromatrace.storage.strict_json import Digest

_STATES = {"first": BatchState.STOPPED, "final": BatchState.ASSEMBLED}
"""State in which the chain accepts the disposition of a stage."""


@dataclass(frozen=True, slots=True)
class Overrule:
    """Another outcome that a person gives to the unit `serial`, or to all units."""

    decision: DecidedOutcome
    serial: str | None = None


@dataclass(frozen=True, slots=True)
class CheckedDisposition:
    """A stored disposition. `signer`: address that signed it; None if that is not the stored signer."""

    stored: SignedDisposition
    document: DispositionDocument
    signer: str | None


def propose(
    workspace: Workspace,
    plant: Plant,
    key: BatchKey,
    stage: str,
    units: Path | None = None,
    overrules: Sequence[Overrule] = (),
) -> DispositionDocument:
    """Return the disposition that the plant's rules give, unsigned.

    units  CSV file with measured values of single units; None: the values of the inspection decide for all units

    Raises `NotFound` (no rule for the stage, batch or evidence unknown), `Conflict` (state of the batch), and the
    errors of the rules.
    """
    rules = [rule for rule in plant.section(DISPOSITIONS) if rule.covers(key.gtin, stage)]
    if not rules:
        raise NotFound(
            f"{plant.name} has no disposition rule for the {stage} inspection of {key.gtin}",
            field="plant",
            hint="add [[dispositions]] to the plant file",
        )
    batch = workspace.reader.read(reads.batch(key.batch_id))
    _check_state(batch, key, stage)
    digest, evidence = _evidence(workspace, key, Stage[stage.upper()])
    verdict = batch.first_verdict if stage == "first" else batch.final_verdict
    values: Values = {item.quantity: (item.value, item.unit) for item in evidence.measurements}
    measured = None if units is None else read_unit_values(units, _content(workspace, key).serials)
    groups = decided_units(rules, batch.quantity, verdict.name.lower(), values, measured)
    for change in overrules:
        groups = overrule(groups, change.decision, change.serial)
    document = DispositionDocument(
        gtin=key.gtin.value,
        lot=key.lot.value,
        stage="first" if stage == "first" else "final",
        quantity=batch.quantity,
        evidence=Digest(digest),
        plant=plant.name,
        rules=Digest(rules_digest(rules)),
        decided_at=datetime.now(UTC).isoformat(timespec="seconds"),
        signer=workspace.signer.address if workspace.has_signer else "",
        groups=groups,
    )
    if document.stage == "first" and document.count(Outcome.RECYCLE) != batch.quantity:
        raise InvalidInput("a part of a batch cannot be recycled; all units have one outcome", field="units")
    return document


def submit(workspace: Workspace, document: DispositionDocument) -> dict[str, Any]:
    """Sign and store a disposition, then grade or recycle the batch. Return digest, transaction and counts."""
    batch_id, data = document.key.batch_id, document.to_bytes()
    call = _call(document)
    workspace.reader.with_signer(workspace.signer).simulate(call)
    digest = workspace.documents.put(data)
    registry = workspace.manifest.address("BatchRegistry")
    signature = sign_disposition(bytes(batch_id), digest, workspace.signer, workspace.chain_id, registry)
    with DispositionStore(workspace.data / FILE_NAME) as store:
        number = store.add(
            bytes(batch_id),
            document.stage,
            digest,
            workspace.signer.address,
            signature,
            int(datetime.fromisoformat(document.decided_at).timestamp()),
        )
        tx = workspace.chain.submit(call).tx
        store.sent(number, bytes.fromhex(str(tx).removeprefix("0x")))
    return {"document": digest, "signer": workspace.signer.address, "signature": signature, "tx": tx}


def stored_dispositions(workspace: Workspace, key: BatchKey) -> list[CheckedDisposition]:
    """Return the dispositions of a batch with their documents, oldest first.

    Raises the errors of the document store.
    """
    registry = workspace.manifest.address("BatchRegistry")
    with DispositionStore(workspace.data / FILE_NAME) as store:
        stored = store.of_batch(bytes(key.batch_id))
    return [checked(item, workspace.documents.get(item.document), workspace.chain_id, registry) for item in stored]


def checked(stored: SignedDisposition, data: bytes, chain_id: int, registry: str) -> CheckedDisposition:
    """Return a stored disposition with its document and the address that signed it."""
    document = DispositionDocument.from_bytes(data)
    try:
        signer = recover_disposition(stored.batch, stored.document, stored.signature, chain_id, registry)
    except InvalidInput:
        signer = ""
    honest = signer == stored.signer == document.signer and bytes(document.key.batch_id) == stored.batch
    return CheckedDisposition(stored, document, signer if honest else None)


def _check_state(batch: StoredBatch, key: BatchKey, stage: str) -> None:
    if batch.state is BatchState.UNKNOWN:
        raise NotFound(f"batch {key.gtin}/{key.lot} is not registered on this chain", field="lot")
    verdict = batch.first_verdict if stage == "first" else batch.final_verdict
    if verdict is Verdict.NONE:
        raise Conflict(f"the batch has no {stage} inspection", field="stage", hint="record the inspection first")
    if batch.state is not _STATES[stage]:
        raise Conflict(
            f"the batch is {batch.state.name.lower()}; a disposition of the {stage} inspection requires "
            f"{_STATES[stage].name.lower()}",
            field="stage",
        )


def _evidence(workspace: Workspace, key: BatchKey, stage: Stage) -> tuple[bytes, InspectionEvidence]:
    """Return the digest and the document of the inspection in force."""
    recorded = [
        event.args
        for event in events(workspace.reader, "InspectionLedger", "InspectionRecorded", bytes(key.batch_id))
        if event.args["stage"] == stage
    ]
    if not recorded:
        raise Conflict(f"the batch has no {stage.name.lower()} inspection in the ledger", field="stage")
    digest: bytes = max(recorded, key=lambda args: args["revision"])["evidence"]
    try:
        return digest, InspectionEvidence.from_bytes(workspace.documents.get(digest))
    except DocumentNotFoundError:
        raise NotFound(
            f"the evidence (SHA-256 0x{digest.hex()}) is not in the document store, so its values are not known",
            field="stage",
            hint=f"copy the inspector's document to the folder {workspace.documents.folder}",
        ) from None


def _content(workspace: Workspace, key: BatchKey) -> BatchContent:
    registered = next(events(workspace.reader, "BatchRegistry", "BatchRegistered", bytes(key.batch_id)))
    return BatchContent.from_bytes(workspace.documents.get(registered.args["contentDigest"]))


def _call(document: DispositionDocument) -> Call:
    batch_id = document.key.batch_id
    if document.stage == "first":
        return calls.recycle(batch_id)
    counts: Mapping[Outcome, int] = {outcome: document.count(outcome) for outcome in Outcome}
    return calls.grade(batch_id, counts[Outcome.STANDARD], counts[Outcome.DEFECTIVE], counts[Outcome.SCRAP])
