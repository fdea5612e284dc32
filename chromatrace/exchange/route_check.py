"""Check the route of a bundle: the designed stations signed in order, and the chain has verified it.

event RouteDesigned           -> the stations' keys and processes, in order
event StationKeyRegistered    -> each public key, and the proof that its registrar holds the secret key
the stations' signed messages -> links of a chain, with one aggregate signature over all of them (crypto.route.verify)
event RouteProven             -> the contract has verified the same chain, up to the same last link
event LogAnchored             -> the readings that a step refers to
"""

from __future__ import annotations

from chromatrace.crypto.bls import PublicKey, Signature
from chromatrace.crypto.eip2537 import g1_from_evm, g2_from_evm
from chromatrace.crypto.route.design import RouteDesign, RouteStation
from chromatrace.crypto.route.link import Component
from chromatrace.crypto.route.verify import verify_aggregate
from chromatrace.crypto.step import NO_CHANNEL, StepRecord, Verifier, step_message
from chromatrace.domain.errors import IntegrityError
from chromatrace.domain.identifiers import ZERO_BYTES32
from chromatrace.domain.rights import RouteKind
from chromatrace.exchange.bundle import CitedRoute, CitedStep
from chromatrace.exchange.events import ProvenEvent
from chromatrace.exchange.findings import VerificationFinding, holds, unchecked, warning
from chromatrace.exchange.proven import ProvenHistory, utc
from chromatrace.exchange.slot import enum_member


def check_route(proven: ProvenHistory) -> VerificationFinding:
    """Return a finding about the batch's designed route, with one part for each check and station."""
    route, cited = proven.registered().args["route"], proven.bundle.route
    if route == ZERO_BYTES32:
        if cited is not None:
            raise IntegrityError("the bundle has route signatures, but the batch has no designed route", field="route")
        return holds("the batch has no designed route")
    proof = _route_event(proven, "RouteProven", route)
    recorded = proof or _route_event(proven, "RouteRecordedUnverified", route)
    if recorded is None:
        if cited is not None:
            raise IntegrityError("the route signature does not belong to an event of this batch", field="route")
        return unchecked("no event in the bundle shows that the batch passed its stations in order")
    design = _design(proven, route)
    if proof is not None:
        when = proven.when(proof.block)
        finding = holds(f"passed {len(design)} stations in the designed order: verified by the contract, {when}")
    else:
        finding = unchecked("the order of the stations is NOT VERIFIED BY THE CHAIN; it records the signature only")
    if cited is None:
        finding.parts.append(unchecked("the stations' signature is not in the bundle"))
    else:
        finding.parts.append(_signature(proven, design, recorded, cited))
    for number, station in enumerate(design.stations, 1):
        step = cited.steps[number - 1] if cited is not None else None
        finding.parts.append(_station(proven, design, number, station, step))
    return finding


def _signature(
    proven: ProvenHistory, design: RouteDesign, recorded: ProvenEvent, cited: CitedRoute
) -> VerificationFinding:
    subject = bytes(proven.bundle.key.batch_id)
    messages = [step.message for step in cited.steps]
    aggregate = Signature(cited.signature)
    components = _components(proven, design, recorded)
    if verify_aggregate(design, subject, messages, aggregate, components) != recorded.args["head"]:
        raise IntegrityError("the stations signed another chain of steps than the contract recorded", field="route")
    if recorded.name == "RouteRecordedUnverified":
        on_chain = g1_from_evm(b"".join(recorded.args["signature"]))
        if on_chain != cited.signature:
            raise IntegrityError("the chain recorded another signature", field="route")
    finding = holds(f"the aggregate signature is valid for all {len(design)} keys in this order")
    for part in components:
        text = f"it binds component 0x{part.subject.hex()}, proven under route 0x{part.route.hex()}"
        finding.parts.append(holds(text))
    return finding


def _station(
    proven: ProvenHistory, design: RouteDesign, number: int, station: RouteStation, step: CitedStep | None
) -> VerificationFinding:
    finding = holds(f"step {number}, {station.process}: {proven.organisation(station.organisation)}")
    for event in proven.of("StationKeyRevoked"):
        if event.args["key"] == station.key_id:
            text = f"its key is revoked as of {utc(event.args['revokedFrom'])}; earlier proofs remain valid"
            finding.parts.append(warning(text))
    if step is None or step.record is None:
        finding.parts.append(unchecked("the signed step record is not in the bundle"))
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
        raise IntegrityError(f"the record of step {number} differs from what the station signed", field="route")
    finding.parts.append(_step_data(proven, record))
    return finding


def _step_data(proven: ProvenHistory, record: StepRecord) -> VerificationFinding:
    """Check what data a step refers to."""
    done = f"done at {utc(record.completed_at)}"
    if record.channel == NO_CHANNEL or record.log_size == 0:
        is_evidence = any(event.args["evidence"] == record.digest for event in proven.inspections())
        data = "the evidence of its inspection" if is_evidence else f"the document 0x{record.digest.hex()}"
        return holds(f"{done}, based on {data}")
    anchor = proven.anchor(record.channel, record.log_size)
    text = f"{done}, based on the first {record.log_size:,} readings of a log"
    if anchor is None:
        return unchecked(f"{text}; their anchor is not in the bundle")
    if anchor.args["root"] != record.digest:
        raise IntegrityError(f"step {record.step} names another root than was anchored in block {anchor.block}")
    return holds(f"{text}, anchored in {proven.when(anchor.block)}")


def _design(proven: ProvenHistory, route: bytes) -> RouteDesign:
    """Build the design from its events, and check each key's proof of possession. Raises `IntegrityError`."""
    designed = next((event for event in proven.of("RouteDesigned") if event.args["route"] == route), None)
    if designed is None:
        raise IntegrityError("the design of the batch's route is not in the bundle", field="receipts")
    args, stations = designed.args, []
    for key, process in zip(args["keys"], args["processes"], strict=True):
        registered = _key_event(proven, "StationKeyRegistered", key)
        if registered is None:
            raise IntegrityError(
                f"the registration of station key 0x{key.hex()} is not in the bundle", field="receipts"
            )
        verified = (_key_event(proven, "StationKeyVerified", key) or registered).args
        public_key = PublicKey(g2_from_evm(b"".join(registered.args["publicKey"])))
        possession = Signature(g1_from_evm(b"".join(verified["proofOfPossession"])))
        stations.append(RouteStation(process, verified["organisation"], public_key, possession))
    verifier = Verifier(proven.bundle.chain_id, "0x" + proven.bundle.contracts["RouteVerifier"].hex())
    kind = enum_member(RouteKind, args["kind"])
    design = RouteDesign(verifier, args["organisation"], args["name"], args["version"], tuple(stations), kind)
    if design.route != route:
        raise IntegrityError("the design does not match the route id of the batch", field="receipts")
    return design


def _components(proven: ProvenHistory, design: RouteDesign, recorded: ProvenEvent) -> list[Component]:
    if design.kind is not RouteKind.ASSEMBLY:
        return []
    assembled = _route_event(proven, "AssemblyProven", design.route)
    if assembled is None or assembled.transaction != recorded.transaction:
        raise IntegrityError("the components of the assembly are not in the bundle", field="receipts")
    return [Component(part["route"], part["subject"]) for part in assembled.args["components"]]


def _route_event(proven: ProvenHistory, name: str, route: bytes) -> ProvenEvent | None:
    key = (route, bytes(proven.bundle.key.batch_id))
    return next((event for event in proven.of(name) if (event.args["route"], event.args["subject"]) == key), None)


def _key_event(proven: ProvenHistory, name: str, key: bytes) -> ProvenEvent | None:
    return next((event for event in proven.of(name) if event.args["key"] == key), None)
