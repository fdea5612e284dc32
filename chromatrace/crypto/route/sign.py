"""One station's step: check the state of the station before, compute the link, sign it, add to the aggregate."""

from __future__ import annotations

from dataclasses import replace

from chromatrace.crypto.bls import SecretKey, verify
from chromatrace.crypto.errors import Break, RouteProofError
from chromatrace.crypto.route.design import RouteDesign, RouteStation
from chromatrace.crypto.route.link import AggregatePrefix, advance
from chromatrace.crypto.route.state import RouteTrace, SignedState, SignedStep, checked_digest, origin_of
from chromatrace.crypto.step import StepRecord, step_message
from chromatrace.domain.errors import InvalidInput


def sign_step(
    design: RouteDesign, state: SignedState | None, step: int, first: bytes, message: bytes, secret: SecretKey
) -> SignedState:
    """Return state `step`, made from the state before it.

    state    the state from station `step` - 1; None at step 1
    step     number of the step, from 1
    first    c_0 of the subject
    message  m_i, 32 bytes
    secret   the key that the design names for this step

    Raises `RouteProofError` for an invalid state, `InvalidInput` for another key.
    """
    checked_digest(message, "message")
    if not 1 <= step <= len(design):
        raise RouteProofError(f"step {step} does not exist; the route has {len(design)} steps", Break.COUNT)
    station = design.station(step)
    key = secret.public_key
    if key != station.key:
        raise InvalidInput(
            f"the key does not belong to {station.process!r}, the station of step {step} in the design",
            field="secret key",
            hint="sign with that station's key",
        )
    if (state is None) != (step == 1):
        raise RouteProofError("step 1 takes no previous state; later steps require one", Break.COUNT)
    if state is not None:
        _check_state(state, design.station(step - 1), step - 1)

    aggregate = state.aggregate if state is not None else None
    previous = state.link if state is not None else first
    link = advance(design.profile, previous, message, station, step, AggregatePrefix(aggregate))
    signature = secret.sign(link)
    return SignedState(aggregate + signature if aggregate is not None else signature, link, signature, station.key)


def sign_record(design: RouteDesign, trace: RouteTrace, record: StepRecord, secret: SecretKey) -> RouteTrace:
    """Return the trace with one more step. The record must name this subject and the next step of the design."""
    step = len(trace.steps) + 1
    if trace.route != design.route:
        raise RouteProofError("the trace belongs to another route than the design", Break.ORIGIN)
    if step > len(design):
        raise RouteProofError(f"all {len(design)} steps are already signed", Break.COUNT)
    expected = replace(
        record, route=design.route, subject=trace.subject, step=step, process=design.station(step).process
    )
    for name in ("route", "subject", "step", "process"):
        if getattr(record, name) != getattr(expected, name):
            raise InvalidInput(
                f"expected {getattr(expected, name)!r}, as in the next step of the design, "
                f"got {getattr(record, name)!r}",
                field=name,
            )
    message = step_message(record, design.verifier)
    state = sign_step(design, trace.state, step, origin_of(design, trace), message, secret)
    return replace(trace, steps=(*trace.steps, SignedStep(message, state, record)))


def _check_state(state: SignedState, station: RouteStation, step: int) -> None:
    if state.signer != station.key:
        raise RouteProofError(
            "signed by a station that the design does not name", Break.STATION, step=step, station=station.process
        )
    if not verify(station.key, state.link, state.signature):
        raise RouteProofError(
            "the station's signature on its link is invalid",
            Break.SIGNATURE,
            step=step,
            station=station.process,
        )
