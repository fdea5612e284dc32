"""Checks the route of a bundle: that the designed stations signed, in order, and that the chain has checked it too.

event RouteDesigned         -> the stations' keys and processes, in order
event StationKeyRegistered  -> each public key, and the proof that its registrar held the secret one
what the stations signed    -> links of a chain; one signature stands for all of them   (crypto.route.verify)
event RouteProven           -> the contract has checked the same chain, down to the same last link
event LogAnchored           -> the readings that a step was done on
"""

from __future__ import annotations

from chromatrace.crypto.bls import PublicKey, Signature
from chromatrace.crypto.eip2537 import g1_from_evm, g2_from_evm
from chromatrace.crypto.route.design import RouteDesign, Station
from chromatrace.crypto.route.link import Component
from chromatrace.crypto.route.verify import verify_aggregate
from chromatrace.crypto.step import NO_CHANNEL, StepRecord, Verifier, step_message
from chromatrace.domain.errors import IntegrityError
from chromatrace.domain.rights import RouteKind
from chromatrace.exchange.bundle import CitedRoute, CitedStep
from chromatrace.exchange.events import Event
from chromatrace.exchange.findings import FindingStatus, VerificationFinding
from chromatrace.exchange.proven import ProvenHistory, utc
from chromatrace.exchange.slot import member


def check_route(proven: ProvenHistory) -> VerificationFinding:
    """A finding about the route that the batch was registered with, one part for each station and check."""
    route, cited = proven.registered().args["route"], proven.bundle.route
    if route == bytes(32):
        if cited is not None:
            raise IntegrityError("the batch has no designed route, the bundle has signatures of one", field="route")
        return VerificationFinding(FindingStatus.HOLDS, "the batch has no designed route")
    proof = _of_batch(proven, "RouteProven", route)
    recorded = _of_batch(proven, "RouteRecordedUnverified", route)
    told = proof or recorded
    if told is None:
        if cited is not None:
            raise IntegrityError("the stations' signature belongs to no event of this batch", field="route")
        return VerificationFinding(
            FindingStatus.UNCHECKED, "whether it passed its stations in order: no event in the bundle says so"
        )
    design = _design(proven, route)
    if proof is not None:
        text = (
            f"passed {len(design)} stations in the designed order: the contract checked it, {proven.when(proof.block)}"
        )
        finding = VerificationFinding(FindingStatus.HOLDS, text)
    else:
        text = "the order of its stations is NOT CHECKED BY THE CHAIN: a signature stands there, unverified"
        finding = VerificationFinding(FindingStatus.UNCHECKED, text)
    if cited is None:
        finding.parts.append(
            VerificationFinding(FindingStatus.UNCHECKED, "the stations' own signature is not in the bundle")
        )
    else:
        finding.parts.append(_signature(proven, design, told, cited))
    for number, station in enumerate(design.stations, 1):
        step = cited.steps[number - 1] if cited is not None else None
        finding.parts.append(_station(proven, design, number, station, step))
    return finding


def _signature(proven: ProvenHistory, design: RouteDesign, told: Event, cited: CitedRoute) -> VerificationFinding:
    subject = bytes(proven.bundle.key.batch_id)
    messages = [step.message for step in cited.steps]
    aggregate = Signature(cited.signature)
    components = _components(proven, design, told)
    if verify_aggregate(design, subject, messages, aggregate, components) != told.args["head"]:
        raise IntegrityError("the stations signed another chain of steps than the contract was told of", field="route")
    if told.name == "RouteRecordedUnverified" and g1_from_evm(b"".join(told.args["signature"])) != cited.signature:
        raise IntegrityError("another signature is recorded on the chain", field="route")
    finding = VerificationFinding(
        FindingStatus.HOLDS, f"their one signature holds for all {len(design)} keys, in this order: checked here"
    )
    for part in components:
        text = f"it fixes the component 0x{part.subject.hex()}, proven under route 0x{part.route.hex()}"
        finding.parts.append(VerificationFinding(FindingStatus.HOLDS, text))
    return finding


def _station(
    proven: ProvenHistory, design: RouteDesign, number: int, station: Station, step: CitedStep | None
) -> VerificationFinding:
    text = f"step {number}, {station.process}: {proven.organisation(station.organisation)}"
    finding = VerificationFinding(FindingStatus.HOLDS, text)
    for event in proven.of("StationKeyRevoked"):
        if event.args["key"] == station.key_id:
            text = f"its key is revoked from {utc(event.args['revokedFrom'])} on; what was proven before stands"
            finding.parts.append(VerificationFinding(FindingStatus.WARNING, text))
    if step is None or step.record is None:
        finding.parts.append(
            VerificationFinding(FindingStatus.UNCHECKED, "what it signed, beyond a hash, is not in the bundle")
        )
        return finding
    cited = step.record
    record = StepRecord(
        design.route,
        bytes(proven.bundle.key.batch_id),
        number,
        station.process,
        cited.channel,
        cited.log_size,
        cited.digest,
        cited.completed_at,
    )
    if step_message(record, design.verifier) != step.message:
        raise IntegrityError(f"the record of step {number} is not what the station signed", field="route")
    finding.parts.append(_data(proven, record))
    return finding


def _data(proven: ProvenHistory, record: StepRecord) -> VerificationFinding:
    """What the step was done on."""
    done = f"done at {utc(record.completed_at)}"
    if record.channel == NO_CHANNEL or record.log_size == 0:
        evidence = next((one for one in proven.inspections() if one.args["evidence"] == record.digest), None)
        what = "the evidence of its inspection" if evidence is not None else f"the document 0x{record.digest.hex()}"
        return VerificationFinding(FindingStatus.HOLDS, f"{done}, on {what}")
    anchor = proven.anchor(record.channel, record.log_size)
    text = f"{done}, on the first {record.log_size:,} readings of a log"
    if anchor is None:
        return VerificationFinding(FindingStatus.UNCHECKED, f"{text}; their anchor is not in the bundle")
    if anchor.args["root"] != record.digest:
        raise IntegrityError(f"step {record.step} names another root than was anchored in block {anchor.block}")
    return VerificationFinding(FindingStatus.HOLDS, f"{text}, anchored in {proven.when(anchor.block)}")


def _design(proven: ProvenHistory, route: bytes) -> RouteDesign:
    """The design from its events, each key with its proof of possession checked anew; `IntegrityError`."""
    designed = next((event for event in proven.of("RouteDesigned") if event.args["route"] == route), None)
    if designed is None:
        raise IntegrityError("the design of the batch's route is not in the bundle", field="receipts")
    args, stations = designed.args, []
    for key, process in zip(args["keys"], args["processes"], strict=True):
        registered = _of_key(proven, "StationKeyRegistered", key)
        if registered is None:
            raise IntegrityError(
                f"the registration of station key 0x{key.hex()} is not in the bundle", field="receipts"
            )
        held = (_of_key(proven, "StationKeyVerified", key) or registered).args
        public_key = PublicKey(g2_from_evm(b"".join(registered.args["publicKey"])))
        possession = Signature(g1_from_evm(b"".join(held["proofOfPossession"])))
        stations.append(Station(process, held["organisation"], public_key, possession))
    verifier = Verifier(proven.bundle.chain_id, "0x" + proven.bundle.contracts["RouteVerifier"].hex())
    kind = member(RouteKind, args["kind"])
    design = RouteDesign(verifier, args["organisation"], args["name"], args["version"], tuple(stations), kind)
    if design.route != route:
        raise IntegrityError("the design is not the one that the batch's route is named by", field="receipts")
    return design


def _components(proven: ProvenHistory, design: RouteDesign, told: Event) -> list[Component]:
    if design.kind is not RouteKind.ASSEMBLY:
        return []
    assembled = _of_batch(proven, "AssemblyProven", design.route)
    if assembled is None or assembled.transaction != told.transaction:
        raise IntegrityError("the components of the assembly are not in the bundle", field="receipts")
    return [Component(route, subject) for route, subject in assembled.args["components"]]


def _of_batch(proven: ProvenHistory, name: str, route: bytes) -> Event | None:
    wanted = (route, bytes(proven.bundle.key.batch_id))
    return next((event for event in proven.of(name) if (event.args["route"], event.args["subject"]) == wanted), None)


def _of_key(proven: ProvenHistory, name: str, key: bytes) -> Event | None:
    return next((event for event in proven.of(name) if event.args["key"] == key), None)
