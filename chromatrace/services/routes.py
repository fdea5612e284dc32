"""Route proofs: design and prove routes on the chain, and compare a trace with the chain."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chromatrace.chain import calls, reads
from chromatrace.chain.anchored import anchor_at
from chromatrace.chain.client import Chain, Receipt
from chromatrace.chain.routes import designed_route, registered_key
from chromatrace.crypto.route import (
    Component,
    RouteDesign,
    RouteKind,
    RouteTrace,
    batches,
    components_of,
    proof_of,
    proofs_of,
    sign_record,
)
from chromatrace.crypto.step import StepRecord
from chromatrace.domain.errors import Conflict, IntegrityError, InvalidInput
from chromatrace.domain.identifiers import ChannelId, StationKeyId
from chromatrace.exchange.proven import channel_id, utc
from chromatrace.services.stations import open_station, stored_station
from chromatrace.services.workspace import Workspace


class AnchorStatus(StrEnum):
    """Whether the digest of a step is an anchored head of a log."""

    NOT_CHECKED = "not checked"
    ANCHORED = "anchored"
    NOT_ANCHORED = "not anchored"
    OTHER_ROOT = "another root is anchored"
    NO_HEAD = "no head"
    """The digest is that of a document or of a log entry, which has no anchor."""
    UNKNOWN = "unknown"
    """The record of the step is absent."""


@dataclass(frozen=True, slots=True)
class StepEvidence:
    """The evidence of one step: its record, and block and organisation of the anchor if there is one."""

    record: StepRecord | None
    status: AnchorStatus
    block: int | None = None
    organisation: int | None = None


@dataclass(frozen=True, slots=True)
class TraceOnChain:
    """A trace compared with the chain: its proof, the proofs of its components, the evidence of its steps."""

    proven: bool
    components: tuple[bool, ...]
    evidence: tuple[StepEvidence, ...]
    revoked_from: tuple[int | None, ...]
    """Start of the revocation of each station's key, Unix seconds; None if the key is not revoked."""

    @property
    def faults(self) -> list[str]:
        """Return what contradicts or prevents a proof on the chain."""
        lines = [
            f"CONTRADICTED: the root of step {number} differs from the one in block {step.block}"
            for number, step in enumerate(self.evidence, 1)
            if step.status is AnchorStatus.OTHER_ROOT
        ]
        lines += [
            f"NOT PROVEN: component {number} has no proof on the chain"
            for number, proven in enumerate(self.components, 1)
            if not proven
        ]
        if not self.proven:
            lines += [
                f"REVOKED: the key of step {number} is revoked from {utc(start)}, and the route is not proven"
                for number, start in enumerate(self.revoked_from, 1)
                if start is not None
            ]
        return lines


@dataclass(frozen=True, slots=True)
class StepDigest:
    """Channel, log size and digest that a step record commits to. Log size 0: the digest is not a head."""

    channel: bytes
    log_size: int
    digest: bytes


def design(
    workspace: Workspace, name: str, steps: Sequence[tuple[str, StationKeyId]], kind: RouteKind, *, requires_proof: bool
) -> tuple[RouteDesign, Receipt]:
    """Design a route on the chain from processes and station keys."""
    keys = [registered_key(workspace.reader, key).key_id for _, key in steps]
    call = calls.design_route(name, kind, requires_proof, keys, [process for process, _ in steps])
    receipt = workspace.chain.submit(call)
    return designed_route(workspace.reader, receipt.event("RouteDesigned").args["route"]), receipt


def head_digest(workspace: Workspace, channel: str, organisation: int) -> StepDigest:
    """Return the head of all spooled readings of a channel; it is anchored with the next `log anchor`."""
    head = workspace.proofs.head(channel)
    return StepDigest(channel_id(organisation, channel), head.size, head.root)


def check_turn(workspace: Workspace, route: RouteDesign, trace: RouteTrace, station: str, step: int | None) -> None:
    """Raise `Conflict` if `step` is not the next step, or if the station has signed and `step` is not given."""
    following = len(trace.steps) + 1
    if step is not None and step != following:
        signed = f"step {step} is already signed" if step < following else f"step {following} is not signed yet"
        raise Conflict(f"{signed}: the next step is {following}", field="step")
    key = stored_station(workspace, station).public_key
    own = [number for number, signed in enumerate(trace.steps, 1) if signed.state.signer == key]
    if own and step is None:
        raise Conflict(
            f"station {station} has already signed step {own[-1]} of {len(route)}",
            field="step",
            hint=f"use --step {following} if it signs step {following} too" if following <= len(route) else None,
        )


CLOCK_TOLERANCE_S = 300
"""How far a completion time may be ahead of this machine's clock, seconds."""


def time_faults(completed_at: Sequence[int | None], now_s: float) -> list[tuple[int, str]]:
    """Return each step whose completion time is implausible, with the reason.

    completed_at  Unix seconds by step; None if unknown
    now_s         Unix seconds
    """
    faults, latest = [], (0, 0)
    for number, at in enumerate(completed_at, 1):
        if at is None:
            continue
        if at > now_s + CLOCK_TOLERANCE_S:
            faults.append((number, f"step {number} is completed at {utc(at)}, which is in the future"))
        if at < latest[1]:
            before = f"step {latest[0]} ({utc(latest[1])})"
            faults.append((number, f"step {number} is completed at {utc(at)}, before {before}"))
        latest = max(latest, (number, at), key=lambda step: step[1])
    return faults


def completion_times(trace: RouteTrace) -> list[int | None]:
    """Return the completion time of each step, Unix seconds; None if its record is absent."""
    return [step.record.completed_at if step.record is not None else None for step in trace.steps]


def sign_step(
    workspace: Workspace,
    route: RouteDesign,
    trace: RouteTrace,
    station: str,
    digest: StepDigest,
    completed_at: int,
    *,
    ignore_times: bool = False,
) -> tuple[RouteTrace, StepRecord]:
    """Sign the next step of a trace with the key of a station; checks the trace first.

    ignore_times  accept a completion time in the future or out of order. Without it, raises `InvalidInput`.
    """
    number = len(trace.steps) + 1
    times = [*completion_times(trace), completed_at]
    faults = [text for step, text in time_faults(times, time.time()) if step == number]
    if faults and not ignore_times:
        raise InvalidInput(faults[0], field="completed_at", hint="correct the clock or the time, or use --ignore-times")
    process = route.station(min(number, len(route))).process
    record = StepRecord(
        route.route,
        trace.subject,
        number,
        process,
        digest.channel,
        digest.log_size,
        digest.digest,
        completed_at=completed_at,
    )
    return sign_record(route, trace, record, open_station(workspace, station)), record


def prove_traces(
    chain: Chain, route: RouteDesign, traces: Sequence[RouteTrace], *, record_unverified: bool
) -> list[Receipt]:
    """Prove traces on the chain, several processing traces per transaction. Each trace is verified first.

    record_unverified  record the signatures on a chain without EIP-2537, which cannot check them
    """
    if record_unverified:
        return [chain.submit(calls.record_unverified(route.route, *proof_of(route, trace))) for trace in traces]
    if route.kind is RouteKind.ASSEMBLY:
        return [
            chain.submit(calls.prove_assembly(route.route, *proof_of(route, trace), components_of(trace)))
            for trace in traces
        ]
    if len(traces) == 1:
        return [chain.submit(calls.prove_route(route.route, *proof_of(route, traces[0])))]
    return [chain.submit(calls.prove_routes(route.route, *proofs_of(route, batch))) for batch in batches(route, traces)]


def offline_evidence(trace: RouteTrace) -> tuple[StepEvidence, ...]:
    """Return the evidence of each step without reading the chain."""
    return tuple(StepEvidence(step.record, _offline_status(step.record)) for step in trace.steps)


def _offline_status(record: StepRecord | None) -> AnchorStatus:
    if record is None:
        return AnchorStatus.UNKNOWN
    return AnchorStatus.NOT_CHECKED if record.log_size else AnchorStatus.NO_HEAD


def compare_with_chain(chain: Chain, route: RouteDesign, trace: RouteTrace) -> TraceOnChain:
    """Compare a trace with the chain; raises `IntegrityError` if the design differs from the one on the chain."""
    if _compared_fields(designed_route(chain, route.route)) != _compared_fields(route):
        raise IntegrityError(
            "the design file differs from the route with this id on the chain",
            field="design",
            hint=f"chromatrace route fetch 0x{route.route.hex()} --out FILE",
        )
    return TraceOnChain(
        _is_proven(chain, Component(route.route, trace.subject)),
        tuple(_is_proven(chain, component) for component in trace.components),
        tuple(_checked(chain, evidence) for evidence in offline_evidence(trace)),
        tuple(
            chain.read(reads.station_key(StationKeyId(station.key_id))).revoked_from or None
            for station in route.stations
        ),
    )


def _checked(chain: Chain, evidence: StepEvidence) -> StepEvidence:
    record = evidence.record
    if record is None or evidence.status is not AnchorStatus.NOT_CHECKED:
        return evidence
    anchor = anchor_at(chain, ChannelId(record.channel), record.log_size)
    if anchor is None:
        return StepEvidence(record, AnchorStatus.NOT_ANCHORED)
    status = AnchorStatus.ANCHORED if anchor.root == record.digest else AnchorStatus.OTHER_ROOT
    owner = chain.read(reads.channel(ChannelId(record.channel))).organisation
    return StepEvidence(record, status, anchor.block_number, owner)


def _is_proven(chain: Chain, component: Component) -> bool:
    return chain.read(reads.route_is_proven(component.route, component.subject))


def _compared_fields(route: RouteDesign) -> tuple[Any, ...]:
    """Everything that a proof depends on; proofs of possession may differ."""
    stations = [(station.process, station.organisation, station.key) for station in route.stations]
    return route.verifier, route.route, route.kind is RouteKind.ASSEMBLY, stations
