"""Whether a route signature holds: e(σ, g2) = Π e(H(c_i), pk_i) over the whole design; where not, since which step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chromatrace.crypto.bls import Signature, verify, verify_each, verify_product, verify_product_and_last
from chromatrace.crypto.errors import Break, InvalidPoint, RouteRefused
from chromatrace.crypto.route.design import RouteDesign
from chromatrace.crypto.route.link import Component, component_fault, origin, rebuild
from chromatrace.crypto.route.state import RouteTrace, SignedState, SignedStep, origin_of
from chromatrace.crypto.step import step_message
from chromatrace.domain.rights import RouteKind

_TEXTS = {
    Break.COUNT: "not signed yet, or cut off",
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
    _check_shape(design, len(messages), subject, components)
    last = design.stations[-1]
    rebuilt = rebuild(design, origin(design, subject, components), messages)
    links = rebuilt.values
    if state.signer != last.key:
        raise _refused(Break.STATION, len(design), last.process)
    if state.link != links[-1]:
        raise RouteRefused(
            "the messages do not lead to the link that was signed: another subject, route, chain or verifier, or a "
            "step swapped, dropped, repeated or changed",
            Break.LINK,
        )
    if rebuilt.product is not None and len(links) > 1:
        holds = rebuilt.product.completes(links[-1], last.key, state.aggregate, state.signature)
    else:
        signed = [(link, station.key) for link, station in zip(links, design.stations, strict=True)]
        holds = verify_product_and_last(signed, state.aggregate, state.signature)
    if holds:
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
    _check_shape(design, len(messages), subject, components)
    links = rebuild(design, origin(design, subject, components), messages).values
    if not verify_product([(link, one.key) for link, one in zip(links, design.stations, strict=True)], aggregate):
        raise RouteRefused("the aggregate is not the signatures of all stations on this chain", Break.AGGREGATE)
    return links[-1]


def verify_trace(design: RouteDesign, trace: RouteTrace) -> None:
    """Returns where a complete trace holds: every state of it, and every step record that it has.

    `RouteRefused` names the first step at which the chain breaks. The signatures are checked in one product.
    """
    if trace.route != design.route:
        raise RouteRefused("the trace is of another route than the design", Break.ORIGIN)
    _check_shape(design, len(trace.steps), trace.subject, trace.components)
    links = rebuild(design, origin_of(design, trace), trace.messages).values
    for number in range(1, len(design) + 1):
        _require_follows(design, trace, number, links)
    signed = [(link, station.key) for link, station in zip(links, design.stations, strict=True)]
    if not verify_each(signed, [step.state.signature for step in trace.steps]):
        for number in range(1, len(design) + 1):
            _require_signed(design, trace, number)
        raise RouteRefused("the signatures of the stations do not hold together", Break.SIGNATURE)


def verify_assembly(design: RouteDesign, trace: RouteTrace, parts: Sequence[tuple[RouteDesign, RouteTrace]]) -> None:
    """As `verify_trace`, with the components that an assembly names: each is proven, and they are these, in this order.

    Of a component that is an assembly itself, its own components are not looked at.
    """
    verify_trace(design, trace)
    given = tuple(Component(its_design.route, its_trace.subject) for its_design, its_trace in parts)
    if given != trace.components:
        raise RouteRefused("the components are not those that the assembly names, in its order", Break.ORIGIN)
    for its_design, its_trace in parts:
        verify_trace(its_design, its_trace)


def explain(design: RouteDesign, trace: RouteTrace) -> Explanation:
    """The chain step by step, with the first step at which it breaks and why."""
    if trace.route != design.route:
        return _unread(design, RouteRefused("the trace is of another route than the design", Break.ORIGIN))
    if bool(trace.components) != (design.kind is RouteKind.ASSEMBLY):
        return _unread(design, RouteRefused("an assembly has components, a processing route none", Break.ORIGIN))
    links = rebuild(design, origin_of(design, trace), trace.messages).values
    findings: list[Finding] = []
    refusal: RouteRefused | None = None
    for number, station in enumerate(design.stations, 1):
        finding = Finding(number, station.process, station.organisation, checked=refusal is None)
        if refusal is None:
            try:
                _require_follows(design, trace, number, links)
                _require_signed(design, trace, number)
            except RouteRefused as refused:
                refusal = refused
                finding = replace(finding, reason=refused.reason, text=refused.detail)
        findings.append(finding)
    if refusal is None and len(trace.steps) > len(design):
        refusal = RouteRefused(f"{len(trace.steps)} steps are signed, the design has {len(design)}", Break.COUNT)
    return Explanation(refusal is None, tuple(findings), refusal)


def _require_follows(design: RouteDesign, trace: RouteTrace, number: int, links: Sequence[bytes]) -> None:
    """Everything about step `number` but whether its signature holds."""
    station = design.station(number)
    if number > len(trace.steps):
        raise _refused(Break.COUNT, number, station.process)
    step = trace.steps[number - 1]
    fault = _record_fault(design, trace, number, step)
    if fault is not None:
        raise RouteRefused(fault, Break.RECORD, step=number, station=station.process)
    state = step.state
    if state.signer != station.key:
        raise _refused(Break.STATION, number, station.process)
    if state.link != links[number - 1]:
        raise _refused(Break.LINK, number, station.process)
    before = trace.steps[number - 2].state.aggregate if number > 1 else None
    if not _adds_up(before, state):
        # Either may be wrong: the signature is, where it does not hold by itself.
        _require_signed(design, trace, number)
        raise _refused(Break.AGGREGATE, number, station.process)


def _adds_up(before: Signature | None, state: SignedState) -> bool:
    try:
        return state.aggregate == (state.signature if before is None else before + state.signature)
    except InvalidPoint:  # the sum is infinity, which no aggregate is
        return False


def _require_signed(design: RouteDesign, trace: RouteTrace, number: int) -> None:
    station, state = design.station(number), trace.steps[number - 1].state
    if not verify(station.key, state.link, state.signature):
        raise _refused(Break.SIGNATURE, number, station.process)


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


def _check_shape(design: RouteDesign, steps: int, subject: bytes, components: Sequence[Component]) -> None:
    if steps != len(design):
        raise RouteRefused(f"{steps} steps are given, the design has {len(design)}", Break.COUNT)
    if bool(components) != (design.kind is RouteKind.ASSEMBLY):
        raise RouteRefused("an assembly has components, a processing route none", Break.ORIGIN)
    fault = component_fault(design.route, subject, components)
    if fault is not None:
        raise RouteRefused(fault, Break.ORIGIN)


def _refused(reason: Break, step: int, station: str) -> RouteRefused:
    return RouteRefused(_TEXTS[reason], reason, step=step, station=station)


def _unread(design: RouteDesign, refusal: RouteRefused) -> Explanation:
    findings = tuple(
        Finding(number, station.process, station.organisation, checked=False)
        for number, station in enumerate(design.stations, 1)
    )
    return Explanation(False, findings, refusal)
