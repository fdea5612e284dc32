"""`chromatrace demo --tamper`: a fault in a lot's route proof, and the guards that reject it.

Each fault is tried twice: as it is, which a comparison of the links rejects; and with everything recomputed that needs
no station's key (links, head and aggregate; records dropped), which only the signatures can reject.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from chromatrace.chain import calls
from chromatrace.chain.client import Chain
from chromatrace.crypto.bls import SecretKey
from chromatrace.crypto.route import RouteTrace, SignedState, SignedStep, explain, origin, signature_words
from chromatrace.crypto.route.link import rebuild
from chromatrace.crypto.route.onchain import ProofStruct
from chromatrace.crypto.step import step_message
from chromatrace.demo.route import SignedRoute
from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.rights import SalesChannel
from chromatrace.ethereum.errors import ContractError

VICTIM, DONOR = "B", "A"
SWAPPED = (2, 3)
DROPPED = 3
FORGED = 2
STRONGER = ", links and head recomputed"
"""Suffix of a guard's name for the recomputed fault."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard that met the fault: its error message, or None if it accepted the fault."""

    name: str
    message: str | None


def tampered(kind: str, route: SignedRoute) -> tuple[str, RouteTrace]:
    """Return the description of a fault and the victim's trace with it."""
    trace = route.traces[VICTIM]
    steps = list(trace.steps)
    if kind == "swap":
        first, second = (number - 1 for number in SWAPPED)
        steps[first], steps[second] = steps[second], steps[first]
        return f"steps {SWAPPED[0]} and {SWAPPED[1]} swapped", replace(trace, steps=tuple(steps))
    if kind == "drop":
        del steps[DROPPED - 1]
        return f"step {DROPPED} dropped", replace(trace, steps=tuple(steps))
    if kind == "forge":
        step = steps[FORGED - 1]
        if step.record is None:
            raise ValueError("the demonstration keeps every record")
        record = replace(step.record, digest=bytes(31) + b"\x01")
        message = step_message(record, route.design.verifier)
        steps[FORGED - 1] = replace(step, record=record, message=message)
        return f"readings of step {FORGED} replaced", replace(trace, steps=tuple(steps))
    donor = route.traces[DONOR]
    return f"proof of lot {DONOR} used for lot {VICTIM}", replace(donor, subject=trace.subject)


def recomputed(kind: str, route: SignedRoute, trace: RouteTrace) -> RouteTrace:
    """Return the tampered trace with everything recomputed that needs no station's key.

    A dropped step is inserted again without its record, signed with a new key.
    """
    steps = list(trace.steps)
    if kind == "drop":
        missing = route.traces[VICTIM].steps[DROPPED - 1]
        forged = replace(missing.state, signature=SecretKey.generate().sign(missing.state.link))
        steps.insert(DROPPED - 1, replace(missing, state=forged))
    messages = [step.message for step in steps]
    links = rebuild(route.design, origin(route.design, trace.subject, trace.components), messages).values
    signed: list[SignedStep] = []
    for step, link, station in zip(steps, links, route.design.stations, strict=True):
        signature = step.state.signature
        aggregate = signed[-1].state.aggregate + signature if signed else signature
        signed.append(SignedStep(step.message, SignedState(aggregate, link, signature, station.key)))
    return replace(trace, steps=tuple(signed))


def attempt(kind: str, trace: RouteTrace, route: SignedRoute, key: BatchKey, chain: Chain) -> list[Guard]:
    """Submit the tampered trace to the offline check, the verifier contract and the release of the lot.

    The first two also get the recomputed trace (`STRONGER`).
    """
    guards = []
    for version, suffix in ((trace, ""), (recomputed(kind, route, trace), STRONGER)):
        guards.append(Guard(f"offline check{suffix}", _offline_error(version, route)))
        state = version.steps[-1].state
        proof = ProofStruct(version.subject, state.link, signature_words(state.aggregate))
        error = _contract_error(chain, calls.prove_route(route.design.route, proof, version.messages))
        guards.append(Guard(f"RouteVerifier{suffix}", error))
    error = _contract_error(chain, calls.release(key.batch_id, SalesChannel.STANDARD))
    guards.append(Guard("BatchRegistry", error))
    return guards


def _offline_error(trace: RouteTrace, route: SignedRoute) -> str | None:
    explanation = explain(route.design, trace)
    if explanation.error is None:
        return None
    invalid = next((step for step in explanation.steps if step.reason is not None), None)
    return f"step {invalid.step} ({invalid.process}): {invalid.message}" if invalid else str(explanation.error)


def _contract_error(chain: Chain, call: calls.Call) -> str | None:
    try:
        chain.submit(call)
    except ContractError as error:
        return f"{error.name}: {error.message}"
    return None
