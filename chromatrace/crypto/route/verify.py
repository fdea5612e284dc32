"""Whether a route signature holds: e(σ, g2) = Π e(H(c_i), pk_i) over the whole design; where not, since which step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chromatrace.crypto.bls import Signature, verify, verify_product, verify_product_and_last
from chromatrace.crypto.errors import Break, RouteRefused
from chromatrace.crypto.route.design import RouteDesign
from chromatrace.crypto.route.link import Component, origin, rebuild
from chromatrace.crypto.route.state import RouteTrace, SignedState, SignedStep, origin_of
from chromatrace.crypto.step import step_message
from chromatrace.domain.rights import RouteKind

_TEXTS = {
    Break.STATION: "another station signed than the design names",
    Break.LINK: "the link does not follow from the steps before it: one was swapped, dropped, repeated or changed",
    Break.SIGNATURE: "the station's signature on its link does not hold",
    Break.AGGREGATE: "the aggregate is not the one before plus the station's signature",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What `explain` found at one step; `reason` is None where it holds, `checked` False after the first break."""

    step: int
    process: str
    organisation: int
    reason: Break | None = None
    text: str = ""
    checked: bool = True

    @property
    def holds(self) -> bool:
        """Whether the chain holds up to here."""
        return self.checked and self.reason is None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The chain step by step. `proven` is whether all of the design is signed and holds."""

    proven: bool
    findings: tuple[Finding, ...]
    refusal: RouteRefused | None


def verify_state(
    design: RouteDesign,
    subject: bytes,
    messages: Sequence[bytes],
    state: SignedState,
    components: Sequence[Component] = (),
) -> None:
    """Returns where `state` proves that `subject` passed all stations of `design`, in order, signing `messages`.

    Everything that can be known from the last state alone; `RouteRefused` without a step where no step can be blamed.
    `explain` names the first step, from all the states.
    """
    _check_shape(design, len(messages), bool(components))
    last = design.stations[-1]
    links = rebuild(design, origin(design, subject, components), messages)
    if state.signer != last.key:
        raise _refused(Break.STATION, len(design), last.process)
    if state.link != links[-1]:
        raise RouteRefused(
            "the messages do not lead to the link that was signed: another subject, route, chain or verifier, or a "
            "step swapped, dropped, repeated or changed",
            Break.LINK,
        )
    signed = [(link, station.key) for link, station in zip(links, design.stations, strict=True)]
    if verify_product_and_last(signed, state.aggregate, state.signature):
        return
    if not verify(last.key, state.link, state.signature):
        raise _refused(Break.SIGNATURE, len(design), last.process)
    raise RouteRefused("the aggregate is not the signatures of all stations on this chain", Break.AGGREGATE)


def verify_aggregate(
    design: RouteDesign,
    subject: bytes,
    messages: Sequence[bytes],
    aggregate: Signature,
    components: Sequence[Component] = (),
) -> bytes:
    """As `verify_state`, of σ alone: what the contract checks. Returns c_k, which the contract's event names."""
    _check_shape(design, len(messages), bool(components))
    links = rebuild(design, origin(design, subject, components), messages)
    if not verify_product([(link, one.key) for link, one in zip(links, design.stations, strict=True)], aggregate):
        raise RouteRefused("the aggregate is not the signatures of all stations on this chain", Break.AGGREGATE)
    return links[-1]


def verify_trace(design: RouteDesign, trace: RouteTrace) -> None:
    """As `verify_state`, of a complete trace; step records, where the trace has them, must be what was signed."""
    if trace.route != design.route:
        raise RouteRefused("the trace is of another route than the design", Break.ORIGIN)
    _check_shape(design, len(trace.steps), bool(trace.components))
    for number, step in enumerate(trace.steps, 1):
        fault = _record_fault(design, trace, number, step)
        if fault is not None:
            raise RouteRefused(fault, Break.RECORD, step=number, station=design.station(number).process)
    state = trace.steps[-1].state
    verify_state(design, trace.subject, trace.messages, state, trace.components)


def explain(design: RouteDesign, trace: RouteTrace) -> Explanation:
    """The chain step by step, with the first step at which it breaks and why."""
    if trace.route != design.route:
        return _unread(design, RouteRefused("the trace is of another route than the design", Break.ORIGIN))
    if bool(trace.components) != (design.kind is RouteKind.ASSEMBLY):
        return _unread(design, RouteRefused("an assembly has components, a processing route none", Break.ORIGIN))
    links = rebuild(design, origin_of(design, trace), trace.messages)
    findings: list[Finding] = []
    refusal: RouteRefused | None = None
    before: SignedState | None = None
    for number, station in enumerate(design.stations, 1):
        step = trace.steps[number - 1] if number <= len(trace.steps) else None
        if refusal is None:
            reason, text = _break_at(design, trace, number, step, links, before)
            if reason is not None:
                refusal = RouteRefused(text, reason, step=number, station=station.process)
            findings.append(Finding(number, station.process, station.organisation, reason, text))
        else:
            findings.append(Finding(number, station.process, station.organisation, checked=False))
        before = step.state if step is not None else None
    if refusal is None and len(trace.steps) > len(design):
        refusal = RouteRefused(f"{len(trace.steps)} steps are signed, the design has {len(design)}", Break.COUNT)
    if refusal is None:
        try:
            verify_trace(design, trace)
        except RouteRefused as refused:
            refusal = refused
    return Explanation(refusal is None, tuple(findings), refusal)


def _break_at(
    design: RouteDesign,
    trace: RouteTrace,
    number: int,
    step: SignedStep | None,
    links: Sequence[bytes],
    before: SignedState | None,
) -> tuple[Break | None, str]:
    if step is None:
        return Break.COUNT, "not signed yet, or cut off"
    fault = _record_fault(design, trace, number, step)
    if fault is not None:
        return Break.RECORD, fault
    station, state = design.station(number), step.state
    if state.signer != station.key:
        return Break.STATION, _TEXTS[Break.STATION]
    if state.link != links[number - 1]:
        return Break.LINK, _TEXTS[Break.LINK]
    if not verify(station.key, state.link, state.signature):
        return Break.SIGNATURE, _TEXTS[Break.SIGNATURE]
    expected = state.signature if before is None else before.aggregate + state.signature
    if state.aggregate != expected:
        return Break.AGGREGATE, _TEXTS[Break.AGGREGATE]
    return None, ""


def _record_fault(design: RouteDesign, trace: RouteTrace, number: int, step: SignedStep) -> str | None:
    record = step.record
    if record is None:
        return None
    if record.route != design.route or record.subject != trace.subject:
        return "the step record is of another route or subject"
    if record.step != number:
        return f"the step record is of step {record.step}"
    if record.process != design.station(number).process:
        return f"the step record is of process {record.process!r}"
    if step_message(record, design.verifier) != step.message:
        return "the step record is not what was signed"
    return None


def _check_shape(design: RouteDesign, steps: int, has_components: bool) -> None:
    if steps != len(design):
        raise RouteRefused(f"{steps} steps are given, the design has {len(design)}", Break.COUNT)
    if has_components != (design.kind is RouteKind.ASSEMBLY):
        raise RouteRefused("an assembly has components, a processing route none", Break.ORIGIN)


def _refused(reason: Break, step: int, station: str) -> RouteRefused:
    return RouteRefused(_TEXTS[reason], reason, step=step, station=station)


def _unread(design: RouteDesign, refusal: RouteRefused) -> Explanation:
    findings = tuple(
        Finding(number, station.process, station.organisation, checked=False)
        for number, station in enumerate(design.stations, 1)
    )
    return Explanation(False, findings, refusal)
