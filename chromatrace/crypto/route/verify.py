"""Verification of a route signature: e(σ, g2) = Π e(H(c_i), pk_i) over the whole design."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chromatrace.crypto.bls import Signature, verify, verify_each, verify_product, verify_product_and_last
from chromatrace.crypto.errors import Break, PointError, RouteProofError
from chromatrace.crypto.route.design import RouteDesign
from chromatrace.crypto.route.link import Component, component_fault, origin, rebuild
from chromatrace.crypto.route.state import RouteTrace, SignedState, SignedStep, origin_of
from chromatrace.crypto.step import step_message
from chromatrace.domain.rights import RouteKind

_MESSAGES = {
    Break.COUNT: "not signed, or cut off",
    Break.STATION: "signed by a station that the design does not name",
    Break.LINK: "the link does not follow from the steps before it: one was swapped, dropped, repeated or changed",
    Break.SIGNATURE: "the station's signature on its link is invalid",
    Break.AGGREGATE: "the aggregate is not the one before plus the station's signature",
}
_OTHER_ROUTE = "the trace belongs to another route than the design"
_COMPONENTS = "an assembly route needs components; a processing route has none"
_AGGREGATE = "the aggregate is not the product of all stations' signatures on this chain"


@dataclass(frozen=True, slots=True)
class StepResult:
    """The result of `explain` for one step. `reason` is None if the step holds; `checked` is False after a break."""

    step: int
    process: str
    organisation: int
    reason: Break | None = None
    message: str = ""
    checked: bool = True

    @property
    def holds(self) -> bool:
        """Whether the chain holds up to this step."""
        return self.checked and self.reason is None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The chain step by step. `proven`: every step of the design is signed and valid."""

    proven: bool
    steps: tuple[StepResult, ...]
    error: RouteProofError | None


def verify_state(
    design: RouteDesign,
    subject: bytes,
    messages: Sequence[bytes],
    state: SignedState,
    components: Sequence[Component] = (),
) -> None:
    """Verify that `subject` passed all stations of `design`, in order, and that they signed `messages`.

    Uses the last state alone. Raises `RouteProofError`, without a step if none can be identified; `explain` names the
    first step from all states.
    """
    _check_shape(design, len(messages), subject, components)
    last = design.stations[-1]
    rebuilt = rebuild(design, origin(design, subject, components), messages)
    links = rebuilt.values
    if state.signer != last.key:
        raise _step_error(Break.STATION, len(design), last.process)
    if state.link != links[-1]:
        raise RouteProofError(
            "the messages do not result in the signed link: the subject, route, chain or verifier differs, or a step "
            "was swapped, dropped, repeated or changed",
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
        raise _step_error(Break.SIGNATURE, len(design), last.process)
    raise RouteProofError(_AGGREGATE, Break.AGGREGATE)


def verify_aggregate(
    design: RouteDesign,
    subject: bytes,
    messages: Sequence[bytes],
    aggregate: Signature,
    components: Sequence[Component] = (),
) -> bytes:
    """Verify σ alone, as the contract does, and return c_k, which the contract's event names.

    Raises `RouteProofError`.
    """
    _check_shape(design, len(messages), subject, components)
    links = rebuild(design, origin(design, subject, components), messages).values
    signed = [(link, station.key) for link, station in zip(links, design.stations, strict=True)]
    if not verify_product(signed, aggregate):
        raise RouteProofError(_AGGREGATE, Break.AGGREGATE)
    return links[-1]


def verify_trace(design: RouteDesign, trace: RouteTrace) -> None:
    """Verify a complete trace: every state and every step record in it.

    Checks all signatures in one product. Raises `RouteProofError` naming the first step at which the chain breaks.
    """
    if trace.route != design.route:
        raise RouteProofError(_OTHER_ROUTE, Break.ORIGIN)
    _check_shape(design, len(trace.steps), trace.subject, trace.components)
    links = rebuild(design, origin_of(design, trace), trace.messages).values
    for number in range(1, len(design) + 1):
        _require_follows(design, trace, number, links)
    signed = [(link, station.key) for link, station in zip(links, design.stations, strict=True)]
    if not verify_each(signed, [step.state.signature for step in trace.steps]):
        for number in range(1, len(design) + 1):
            _require_signed(design, trace, number)
        raise RouteProofError("the aggregate signature of the stations is invalid", Break.SIGNATURE)


def verify_assembly(design: RouteDesign, trace: RouteTrace, parts: Sequence[tuple[RouteDesign, RouteTrace]]) -> None:
    """Verify the trace of an assembly and those of its components, which must be the named ones, in order.

    Does not verify the components of a component. Raises `RouteProofError`.
    """
    verify_trace(design, trace)
    components = tuple(Component(part_design.route, part_trace.subject) for part_design, part_trace in parts)
    if components != trace.components:
        raise RouteProofError(
            "the components differ from those of the assembly, or are in a different order", Break.ORIGIN
        )
    for part_design, part_trace in parts:
        verify_trace(part_design, part_trace)


def explain(design: RouteDesign, trace: RouteTrace) -> Explanation:
    """Return the chain step by step, with the first step at which it breaks and the reason."""
    if trace.route != design.route:
        return _unchecked(design, RouteProofError(_OTHER_ROUTE, Break.ORIGIN))
    if bool(trace.components) != (design.kind is RouteKind.ASSEMBLY):
        return _unchecked(design, RouteProofError(_COMPONENTS, Break.ORIGIN))
    links = rebuild(design, origin_of(design, trace), trace.messages).values
    steps: list[StepResult] = []
    first_error: RouteProofError | None = None
    for number, station in enumerate(design.stations, 1):
        result = StepResult(number, station.process, station.organisation, checked=first_error is None)
        if first_error is None:
            try:
                _require_follows(design, trace, number, links)
                _require_signed(design, trace, number)
            except RouteProofError as error:
                first_error = error
                result = replace(result, reason=error.reason, message=error.detail)
        steps.append(result)
    if first_error is None and len(trace.steps) > len(design):
        first_error = RouteProofError(f"{len(trace.steps)} steps are signed; the design has {len(design)}", Break.COUNT)
    return Explanation(first_error is None, tuple(steps), first_error)


def _require_follows(design: RouteDesign, trace: RouteTrace, number: int, links: Sequence[bytes]) -> None:
    """Check everything about step `number` except its signature."""
    station = design.station(number)
    if number > len(trace.steps):
        raise _step_error(Break.COUNT, number, station.process)
    step = trace.steps[number - 1]
    fault = _record_fault(design, trace, number, step)
    if fault is not None:
        raise RouteProofError(fault, Break.RECORD, step=number, station=station.process)
    state = step.state
    if state.signer != station.key:
        raise _step_error(Break.STATION, number, station.process)
    if state.link != links[number - 1]:
        raise _step_error(Break.LINK, number, station.process)
    before = trace.steps[number - 2].state.aggregate if number > 1 else None
    if not _adds_up(before, state):
        # Blame the signature if it is invalid by itself, otherwise the aggregate.
        _require_signed(design, trace, number)
        raise _step_error(Break.AGGREGATE, number, station.process)


def _adds_up(before: Signature | None, state: SignedState) -> bool:
    try:
        return state.aggregate == (state.signature if before is None else before + state.signature)
    except PointError:  # the sum is infinity, which is not a valid aggregate
        return False


def _require_signed(design: RouteDesign, trace: RouteTrace, number: int) -> None:
    station, state = design.station(number), trace.steps[number - 1].state
    if not verify(station.key, state.link, state.signature):
        raise _step_error(Break.SIGNATURE, number, station.process)


def _record_fault(design: RouteDesign, trace: RouteTrace, number: int, step: SignedStep) -> str | None:
    record = step.record
    if record is None:
        return None
    if record.route != design.route or record.subject != trace.subject:
        return "the step record names another route or subject"
    if record.step != number:
        return f"the step record names step {record.step}"
    if record.process != design.station(number).process:
        return f"the step record names process {record.process!r}"
    if step_message(record, design.verifier) != step.message:
        return "the step record does not match the signed message"
    return None


def _check_shape(design: RouteDesign, steps: int, subject: bytes, components: Sequence[Component]) -> None:
    if steps != len(design):
        raise RouteProofError(f"expected {len(design)} steps, as in the design, got {steps}", Break.COUNT)
    if bool(components) != (design.kind is RouteKind.ASSEMBLY):
        raise RouteProofError(_COMPONENTS, Break.ORIGIN)
    fault = component_fault(design.route, subject, components)
    if fault is not None:
        raise RouteProofError(fault, Break.ORIGIN)


def _step_error(reason: Break, step: int, station: str) -> RouteProofError:
    return RouteProofError(_MESSAGES[reason], reason, step=step, station=station)


def _unchecked(design: RouteDesign, error: RouteProofError) -> Explanation:
    steps = tuple(
        StepResult(number, station.process, station.organisation, checked=False)
        for number, station in enumerate(design.stations, 1)
    )
    return Explanation(False, steps, error)
