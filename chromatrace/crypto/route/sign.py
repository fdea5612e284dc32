"""One station's step: check what the station before handed over, link, sign, add."""

from __future__ import annotations

from dataclasses import replace

from chromatrace.crypto.bls import SecretKey, verify
from chromatrace.crypto.errors import Break, RouteRefused
from chromatrace.crypto.route.design import RouteDesign, Station
from chromatrace.crypto.route.link import AggregatePrefix, advance
from chromatrace.crypto.route.state import RouteTrace, SignedState, SignedStep, checked_digest, origin_of
from chromatrace.crypto.step import StepRecord, step_message
from chromatrace.domain.errors import InvalidInput


def sign_step(
    design: RouteDesign, state: SignedState | None, step: int, first: bytes, message: bytes, secret: SecretKey
) -> SignedState:
    """State `step` from the state before it; refuses (`RouteRefused`) a state that does not hold.

    state    what station `step` - 1 handed over; None at step 1
    step     number of the step, from 1
    first    c_0 of the subject
    message  m_i, 32 bytes
    secret   the key that the design names for this step, or `InvalidInput`
    """
    checked_digest(message, "message")
    if not 1 <= step <= len(design):
        raise RouteRefused(f"the route has {len(design)} steps, there is no step {step}", Break.COUNT)
    station = design.station(step)
    key = secret.public_key
    if key != station.key:
        raise InvalidInput(
            f"step {step} is {station.process!r}'s, and this is another station's key",
            field="secret key",
            hint="sign with the key that the design names for this step",
        )
    if (state is None) != (step == 1):
        raise RouteRefused("step 1 begins a chain and every later one continues it", Break.COUNT)
    if state is not None:
        _check_handed_over(state, design.station(step - 1), step - 1)

    aggregate = state.aggregate if state is not None else None
    previous = state.link if state is not None else first
    link = advance(design.profile, previous, message, station, step, AggregatePrefix(aggregate))
    signature = secret.sign(link)
    return SignedState(aggregate + signature if aggregate is not None else signature, link, signature, station.key)


def sign_record(design: RouteDesign, trace: RouteTrace, record: StepRecord, secret: SecretKey) -> RouteTrace:
    """The trace with one step more. The record must be this subject's, of the next step of the design."""
    step = len(trace.steps) + 1
    if trace.route != design.route:
        raise RouteRefused("the trace is of another route than the design", Break.ORIGIN)
    if step > len(design):
        raise RouteRefused(f"all {len(design)} steps are signed", Break.COUNT)
    expected = replace(
        record, route=design.route, subject=trace.subject, step=step, process=design.station(step).process
    )
    for name in ("route", "subject", "step", "process"):
        if getattr(record, name) != getattr(expected, name):
            raise InvalidInput(
                f"the next step of the design has {getattr(expected, name)!r}, the record {getattr(record, name)!r}",
                field=name,
            )
    message = step_message(record, design.verifier)
    state = sign_step(design, trace.state, step, origin_of(design, trace), message, secret)
    return replace(trace, steps=(*trace.steps, SignedStep(message, state, record)))


def _check_handed_over(state: SignedState, station: Station, step: int) -> None:
    if state.signer != station.key:
        raise RouteRefused(
            "another station signed than the design names", Break.STATION, step=step, station=station.process
        )
    if not verify(station.key, state.link, state.signature):
        raise RouteRefused(
            "the station's signature on its link does not hold", Break.SIGNATURE, step=step, station=station.process
        )
