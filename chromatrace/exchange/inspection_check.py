"""Checks the inspections of a bundle: which verdict is in force, who signed it, and what it rests on."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from chromatrace.crypto.eip712 import Inspection, recover_inspector
from chromatrace.documents.content import BatchContent, InspectionEvidence
from chromatrace.domain.errors import ChromaTraceError, IntegrityError
from chromatrace.domain.rights import Role, Stage, Verdict
from chromatrace.exchange.events import Event
from chromatrace.exchange.findings import FindingStatus, VerificationFinding
from chromatrace.exchange.proven import ProvenHistory
from chromatrace.exchange.reading_check import check_window
from chromatrace.exchange.slot import member
from chromatrace.storage.strict_json import canonical


def check_inspections(proven: ProvenHistory) -> VerificationFinding:
    """A finding for each recorded inspection of the batch."""
    recorded = proven.inspections()
    applied = [event for event in proven.of_batch() if event.name == "VerdictApplied"]
    if not applied and not recorded:
        return VerificationFinding(FindingStatus.UNCHECKED, "no inspection is in the bundle")
    finding = VerificationFinding(FindingStatus.HOLDS, f"{len(recorded)} inspection results are on the chain")
    newest = {
        stage: max(event.args["revision"] for event in applied if event.args["stage"] == stage)
        for stage in {event.args["stage"] for event in applied}
    }
    for event in recorded:
        try:
            finding.parts.append(_inspection(proven, event, applied, newest.get(event.args["stage"], 0)))
        except ChromaTraceError as refusal:
            finding.parts.append(VerificationFinding(FindingStatus.FAILS, str(refusal)))
    for event in applied:
        if not any(_same_verdict(event, other) for other in recorded):
            stage, revision = member(Stage, event.args["stage"]), event.args["revision"]
            text = f"who gave the {stage.name.lower()} verdict of revision {revision}: not from the inspection ledger"
            finding.parts.append(VerificationFinding(FindingStatus.UNCHECKED, text))
    return finding


def _same_verdict(one: Event, other: Event) -> bool:
    names = ("batch", "stage", "verdict", "revision")
    return one.transaction == other.transaction and all(one.args[name] == other.args[name] for name in names)


def _inspection(proven: ProvenHistory, event: Event, applied: list[Event], newest: int) -> VerificationFinding:
    args = event.args
    stage, verdict = member(Stage, args["stage"]), member(Verdict, args["verdict"])
    if not any(_same_verdict(event, other) for other in applied):
        raise IntegrityError(f"the registry did not apply revision {args['revision']} of a verdict", field="receipts")
    text = (
        f"{stage.name.lower()} inspection, revision {args['revision']}: {verdict.name}, {args['defects']} defects in "
        f"{args['sampleSize']} units, for {proven.organisation(args['organisation'])}, {proven.when(event.block)}"
    )
    finding = VerificationFinding(FindingStatus.HOLDS, text)
    if args["revision"] != newest:
        superseded = (
            f"the {stage.name.lower()} verdict of revision {args['revision']} is SUPERSEDED by revision {newest}"
        )
        finding.parts.append(VerificationFinding(FindingStatus.WARNING, f"{superseded}: it is not in force"))
    elif verdict is Verdict.FAIL:
        finding.parts.append(VerificationFinding(FindingStatus.WARNING, f"the {stage.name.lower()} inspection FAILED"))
    for check in (_signature, _appointment, _evidence):
        try:
            finding.parts.append(check(proven, event))
        except ChromaTraceError as refusal:
            finding.parts.append(VerificationFinding(FindingStatus.FAILS, str(refusal)))
    return finding


def _signature(proven: ProvenHistory, event: Event) -> VerificationFinding:
    args, bundle = event.args, proven.bundle
    cited = next((c for c in bundle.inspections if (c.stage, c.revision) == (args["stage"], args["revision"])), None)
    if cited is None:
        return VerificationFinding(FindingStatus.UNCHECKED, "the inspector's own signature is not in the bundle")
    inspection = Inspection(
        batch=args["batch"],
        stage=member(Stage, args["stage"]),
        verdict=member(Verdict, args["verdict"]),
        revision=args["revision"],
        sample_size=args["sampleSize"],
        defects=args["defects"],
        instrument=args["instrument"],
        evidence=args["evidence"],
        inspected_at=args["inspectedAt"],
        inspector=args["inspector"],
        nonce=cited.nonce,
        deadline=cited.deadline,
    )
    ledger = "0x" + bundle.contracts["InspectionLedger"].hex()
    signer = recover_inspector(inspection, cited.signature, bundle.chain_id, ledger)
    if signer.lower() != args["inspector"]:
        raise IntegrityError(f"the inspection is signed by {signer}, not by {args['inspector']}", field="inspections")
    return VerificationFinding(FindingStatus.HOLDS, f"signed by {args['inspector']}")


def _appointment(proven: ProvenHistory, event: Event) -> VerificationFinding:
    """The ledger has checked the right when it recorded; who gave it, and whether it has ended since, is told here."""
    inspector, organisation = event.args["inspector"], event.args["organisation"]
    rights = [
        found
        for found in proven.events
        if found.name in ("OperatorAppointed", "OperatorDismissed") and found.args["operator"] == inspector
    ]
    before = [found for found in rights if found.place < event.place]
    after = [found for found in rights if found.place > event.place]
    if not before:
        finding = VerificationFinding(FindingStatus.UNCHECKED, "the inspector's appointment is not in the bundle")
    elif _may_inspect(before[-1]) and before[-1].args["organisation"] == organisation:
        finding = VerificationFinding(FindingStatus.HOLDS, f"appointed as an inspector in block {before[-1].block}")
    else:
        raise IntegrityError("the inspector had no right to inspect at the time", field="receipts")
    if after and not _may_inspect(after[-1]):
        text = f"the inspector has been dismissed since, in block {after[-1].block}"
        finding.parts.append(VerificationFinding(FindingStatus.WARNING, text))
    return finding


def _may_inspect(event: Event) -> bool:
    return event.name == "OperatorAppointed" and bool(event.args["roles"] & Role.INSPECTOR)


def _evidence(proven: ProvenHistory, event: Event) -> VerificationFinding:
    args = event.args
    document = proven.document(args["evidence"])
    if document is None:
        return VerificationFinding(
            FindingStatus.UNCHECKED, f"the evidence (SHA-256 0x{args['evidence'].hex()}) is not in the bundle"
        )
    evidence = InspectionEvidence.from_bytes(document)
    if evidence.key != proven.bundle.key or evidence.stage != member(Stage, args["stage"]):
        raise IntegrityError("the evidence is about another batch or stage", field="documents")
    # A verdict that inspectors decided by consensus has the time of the decision, the evidence that of the measurement.
    if int(datetime.fromisoformat(evidence.inspected_at).timestamp()) > args["inspectedAt"]:
        raise IntegrityError("the evidence is later than the inspection", field="documents")
    finding = VerificationFinding(
        FindingStatus.HOLDS, f"the evidence is the one recorded: {len(evidence.measurements)} measurements"
    )
    finding.parts = [_instrument(evidence, args["instrument"]), *_sample(proven, evidence, args["sampleSize"])]
    for measured in evidence.measurements:
        text = f"{measured.quantity} {measured.value:g} {measured.unit} ({measured.comparison} {measured.limit:g})"
        status = FindingStatus.HOLDS if measured.passed else FindingStatus.WARNING
        finding.parts.append(VerificationFinding(status, text + (": passed" if measured.passed else ": FAILED")))
    if evidence.readings is not None:
        finding.parts.append(check_window(proven, evidence.readings))
    return finding


def _instrument(evidence: InspectionEvidence, recorded: bytes) -> VerificationFinding:
    instrument = evidence.instrument
    text = f"{instrument.name}, serial {instrument.serial}, calibrated on {instrument.calibrated_on}"
    if sha256(canonical(instrument.as_json())).digest() == recorded:
        return VerificationFinding(FindingStatus.HOLDS, f"measured with {text}")
    return VerificationFinding(FindingStatus.UNCHECKED, f"whether 0x{recorded.hex()} stands for the instrument: {text}")


def _sample(proven: ProvenHistory, evidence: InspectionEvidence, size: int) -> list[VerificationFinding]:
    found = []
    if evidence.sample and len(evidence.sample) != size:
        text = f"the evidence names {len(evidence.sample)} units, the inspection {size}"
        found.append(VerificationFinding(FindingStatus.WARNING, text))
    document = proven.document(proven.registered().args["contentDigest"])
    serials = None if document is None else BatchContent.from_bytes(document).serials
    strangers = [serial for serial in evidence.sample if serials is not None and serial not in serials]
    if strangers:
        found.append(
            VerificationFinding(FindingStatus.WARNING, f"unit {strangers[0]} of the sample is none of the batch's")
        )
    if proven.bundle.serial is not None and proven.bundle.serial in evidence.sample:
        found.append(VerificationFinding(FindingStatus.HOLDS, f"unit {proven.bundle.serial} itself was in the sample"))
    return found
