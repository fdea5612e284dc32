"""`chromatrace demo --tamper`: one fault put into a lot's route proof, and who catches it.

Twice: as it is put in, where a comparison of links or their number stops it; and by a forger who makes good what can be
made good without a station's key (records dropped, links, head and aggregate computed anew, as the contract expects
them), where nothing but the signatures can.
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
"""After a guard's name: what it says of the stronger forger."""


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard that the fault met: what it said, or None where it let the fault pass."""

    name: str
    message: str | None


def tampered(kind: str, route: SignedRoute) -> tuple[str, RouteTrace]:
    """What was done, and the victim's trace after it."""
    trace = route.traces[VICTIM]
    steps = list(trace.steps)
    if kind == "swap":
        first, second = (number - 1 for number in SWAPPED)
        steps[first], steps[second] = steps[second], steps[first]
        return f"steps {SWAPPED[0]} and {SWAPPED[1]} swapped", replace(trace, steps=tuple(steps))
    if kind == "drop":
        del steps[DROPPED - 1]
        return f"step {DROPPED} left out", replace(trace, steps=tuple(steps))
    if kind == "forge":
        step = steps[FORGED - 1]
        if step.record is None:
            raise ValueError("the demonstration keeps every record")
        record = replace(step.record, digest=bytes(31) + b"\x01")
        message = step_message(record, route.design.verifier)
        steps[FORGED - 1] = replace(step, record=record, message=message)
        return f"the readings of step {FORGED} replaced by others", replace(trace, steps=tuple(steps))
    donor = route.traces[DONOR]
    return f"the proof of lot {DONOR} used for lot {VICTIM}", replace(donor, subject=trace.subject)


def recomputed(kind: str, route: SignedRoute, trace: RouteTrace) -> RouteTrace:
    """The tampered trace with all made good that needs no station's key.

    A step left out is there again, its record dropped, signed by a key of the forger's own.
    """
    steps = list(trace.steps)
    if kind == "drop":
        missing = route.traces[VICTIM].steps[DROPPED - 1]
        forged = replace(missing.state, signature=SecretKey.generate().sign(missing.state.link))
        steps.insert(DROPPED - 1, replace(missing, state=forged))
    messages = [step.message for step in steps]
    links = rebuild(route.design, origin(route.design, trace.subject, trace.components), messages).values
    made: list[SignedStep] = []
    for step, link, station in zip(steps, links, route.design.stations, strict=True):
        signature = step.state.signature
        aggregate = made[-1].state.aggregate + signature if made else signature
        made.append(SignedStep(step.message, SignedState(aggregate, link, signature, station.key)))
    return replace(trace, steps=tuple(made))


def attempt(kind: str, trace: RouteTrace, route: SignedRoute, key: BatchKey, chain: Chain) -> list[Guard]:
    """Takes the tampered trace to each guard in turn: the offline check, the verifier contract, the release.

    To the first two again with everything recomputed (`STRONGER`).
    """
    found = []
    for version, which in ((trace, ""), (recomputed(kind, route, trace), STRONGER)):
        found.append(Guard(f"offline check{which}", _offline(version, route)))
        state = version.steps[-1].state
        proof = ProofStruct(version.subject, state.link, signature_words(state.aggregate))
        said = _refused(chain, calls.prove_route(route.design.route, proof, version.messages))
        found.append(Guard(f"RouteVerifier{which}", said))
    said = _refused(chain, calls.release(key.batch_id, SalesChannel.STANDARD))
    found.append(Guard("BatchRegistry", said))
    return found


def _offline(trace: RouteTrace, route: SignedRoute) -> str | None:
    explained = explain(route.design, trace)
    if explained.error is None:
        return None
    broken = next((finding for finding in explained.steps if finding.reason is not None), None)
    return f"step {broken.step} ({broken.process}): {broken.message}" if broken else str(explained.error)


def _refused(chain: Chain, call: calls.Call) -> str | None:
    try:
        chain.submit(call)
    except ContractError as refusal:
        return f"{refusal.name}: {refusal.message}"
    return None
