"""Check the inspections of a bundle: the verdict in force, its signature, and its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from hashlib import sha256

from chromatrace.crypto.eip712 import Inspection, recover_inspector
from chromatrace.documents.content import BatchContent, InspectionEvidence
from chromatrace.domain.errors import ChromaTraceError, IntegrityError
from chromatrace.domain.rights import Role, Stage, Verdict
from chromatrace.exchange.events import ProvenEvent
from chromatrace.exchange.findings import VerificationFinding, fails, holds, unchecked, warning
from chromatrace.exchange.proven import ProvenHistory
from chromatrace.exchange.reading_check import check_window
from chromatrace.exchange.relation_check import check_accreditation
from chromatrace.exchange.result_check import check_results
from chromatrace.exchange.slot import enum_member
from chromatrace.storage.strict_json import canonical


def check_inspections(proven: ProvenHistory, files: Mapping[bytes, bytes]) -> VerificationFinding:
    """Return a finding with one part for each recorded inspection of the batch.

    files  content by SHA-256 of the result files that the reader has
    """
    recorded = proven.inspections()
    applied = [event for event in proven.of_batch() if event.name == "VerdictApplied"]
    if not applied and not recorded:
        return unchecked("the bundle contains no inspection")
    finding = holds(f"{len(recorded)} inspection results are on the chain")
    newest = {
        stage: max(event.args["revision"] for event in applied if event.args["stage"] == stage)
        for stage in {event.args["stage"] for event in applied}
    }
    for event in recorded:
        try:
            finding.parts.append(_inspection(proven, event, applied, newest.get(event.args["stage"], 0), files))
        except ChromaTraceError as error:
            finding.parts.append(fails(str(error)))
    for event in applied:
        if not any(_same_verdict(event, other) for other in recorded):
            stage, revision = enum_member(Stage, event.args["stage"]), event.args["revision"]
            text = f"the {stage.name.lower()} verdict of revision {revision} does not come from the inspection ledger"
            finding.parts.append(unchecked(f"{text}; its inspector is unknown"))
    return finding


def _same_verdict(event: ProvenEvent, other: ProvenEvent) -> bool:
    names = ("batch", "stage", "verdict", "revision")
    return event.transaction == other.transaction and all(event.args[name] == other.args[name] for name in names)


def _inspection(
    proven: ProvenHistory,
    event: ProvenEvent,
    applied: list[ProvenEvent],
    newest: int,
    files: Mapping[bytes, bytes],
) -> VerificationFinding:
    args = event.args
    stage, verdict = enum_member(Stage, args["stage"]), enum_member(Verdict, args["verdict"])
    if not any(_same_verdict(event, other) for other in applied):
        raise IntegrityError(f"the registry did not apply the verdict of revision {args['revision']}", field="receipts")
    finding = holds(
        f"{stage.name.lower()} inspection, revision {args['revision']}: {verdict.name}, {args['defects']} defects in "
        f"{args['sampleSize']} units, by {proven.organisation(args['organisation'])}, {proven.when(event.block)}"
    )
    if args["revision"] != newest:
        verdict_text = f"the {stage.name.lower()} verdict of revision {args['revision']}"
        finding.parts.append(warning(f"{verdict_text} is SUPERSEDED by revision {newest} and not in force"))
    elif verdict is Verdict.FAIL:
        finding.parts.append(warning(f"the {stage.name.lower()} inspection FAILED"))
    for check in (_signature, _appointment, check_accreditation, partial(_evidence, files=files)):
        try:
            finding.parts.append(check(proven, event))
        except ChromaTraceError as error:
            finding.parts.append(fails(str(error)))
    return finding


def _signature(proven: ProvenHistory, event: ProvenEvent) -> VerificationFinding:
    args, bundle = event.args, proven.bundle
    key = (args["stage"], args["revision"])
    cited = next((cited for cited in bundle.inspections if (cited.stage, cited.revision) == key), None)
    if cited is None:
        return unchecked("the inspector's signature is not in the bundle")
    inspection = Inspection(
        batch=args["batch"],
        stage=enum_member(Stage, args["stage"]),
        verdict=enum_member(Verdict, args["verdict"]),
        revision=args["revision"],
        sample_size=args["sampleSize"],
        defects=args["defects"],
        instrument=args["instrument"],
        evidence=args["evidence"],
        inspected_at=args["inspectedAt"],
        inspector=args["inspector"],
        nonce=int(cited.nonce),
        deadline=int(cited.deadline),
    )
    ledger = "0x" + bundle.contracts["InspectionLedger"].hex()
    signer = recover_inspector(inspection, cited.signature, bundle.chain_id, ledger)
    if signer != args["inspector"]:
        raise IntegrityError(f"the inspection is signed by {signer}, not by {args['inspector']}", field="inspections")
    return holds(f"signed by {args['inspector']}")


def _appointment(proven: ProvenHistory, event: ProvenEvent) -> VerificationFinding:
    """Check who appointed the inspector, and whether the inspector has been dismissed since.

    The ledger itself checked the right when it recorded the inspection.
    """
    inspector, organisation = event.args["inspector"], event.args["organisation"]
    changes = [
        change
        for change in proven.events
        if change.name in ("OperatorAppointed", "OperatorDismissed") and change.args["operator"] == inspector
    ]
    before = [change for change in changes if change.position < event.position]
    after = [change for change in changes if change.position > event.position]
    if not before:
        finding = unchecked("the inspector's appointment is not in the bundle")
    elif _may_inspect(before[-1]) and before[-1].args["organisation"] == organisation:
        finding = holds(f"appointed as an inspector in block {before[-1].block}")
    else:
        raise IntegrityError("the inspector had no right to inspect at that time", field="receipts")
    if after and not _may_inspect(after[-1]):
        finding.parts.append(warning(f"the inspector was dismissed later, in block {after[-1].block}"))
    return finding


def _may_inspect(event: ProvenEvent) -> bool:
    return event.name == "OperatorAppointed" and bool(event.args["roles"] & Role.INSPECTOR)


def _evidence(proven: ProvenHistory, event: ProvenEvent, files: Mapping[bytes, bytes]) -> VerificationFinding:
    args = event.args
    document = proven.document(args["evidence"])
    if document is None:
        return unchecked(f"the evidence (SHA-256 0x{args['evidence'].hex()}) is not in the bundle")
    evidence = InspectionEvidence.from_bytes(document)
    if evidence.key != proven.bundle.key or evidence.stage != enum_member(Stage, args["stage"]):
        raise IntegrityError("the evidence is about another batch or stage", field="documents")
    # In a consensus round, the chain has the time of the decision, and the evidence that of the measurement.
    if int(datetime.fromisoformat(evidence.inspected_at).timestamp()) > args["inspectedAt"]:
        raise IntegrityError("the evidence is later than the inspection", field="documents")
    finding = holds(f"the evidence is the recorded document: {len(evidence.measurements)} measurements")
    finding.parts = [_instrument(evidence, args["instrument"]), *_sample(proven, evidence, args["sampleSize"])]
    for measured in evidence.measurements:
        text = f"{measured.quantity} {measured.value:g} {measured.unit} ({measured.comparison} {measured.limit:g})"
        finding.parts.append(holds(f"{text}: passed") if measured.passed else warning(f"{text}: FAILED"))
    finding.parts += check_results(evidence, files)
    if evidence.overrule is not None:
        finding.parts.append(warning(f"a person overruled the verdict of the measurements: {evidence.overrule}"))
    elif args["verdict"] == Verdict.PASS and not evidence.passed:
        finding.parts.append(warning("the verdict is PASS, but a measurement failed; the evidence gives no reason"))
    if evidence.readings is not None:
        finding.parts.append(check_window(proven, evidence.readings))
    return finding


def _instrument(evidence: InspectionEvidence, recorded: bytes) -> VerificationFinding:
    instrument = evidence.instrument
    text = f"{instrument.name}, serial {instrument.serial}, calibrated on {instrument.calibrated_on}"
    if sha256(canonical(instrument.as_json())).digest() == recorded:
        return holds(f"measured with {text}")
    return unchecked(f"the recorded digest 0x{recorded.hex()} does not match the instrument {text}")


def _sample(proven: ProvenHistory, evidence: InspectionEvidence, size: int) -> list[VerificationFinding]:
    findings = []
    if evidence.sample and len(evidence.sample) != size:
        findings.append(warning(f"the evidence lists {len(evidence.sample)} units, the inspection {size}"))
    document = proven.document(proven.registered().args["contentDigest"])
    serials = None if document is None else BatchContent.from_bytes(document).serials
    foreign = [serial for serial in evidence.sample if serials is not None and serial not in serials]
    if foreign:
        findings.append(warning(f"unit {foreign[0]} of the sample does not belong to the batch"))
    if proven.bundle.serial is not None and proven.bundle.serial in evidence.sample:
        findings.append(holds(f"unit {proven.bundle.serial} was in the sample"))
    return findings
