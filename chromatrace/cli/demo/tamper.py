"""`chromatrace demo --tamper`: one fault put into a lot's route proof, and who catches it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chromatrace.chain.client import Chain
from chromatrace.chain.errors import ContractRefusal
from chromatrace.cli.demo.route import SignedRoute
from chromatrace.crypto.route import RouteTrace, explain, signature_words
from chromatrace.crypto.step import step_message
from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.rights import SalesChannel

VICTIM, DONOR = "B", "A"
SWAPPED = (2, 3)
DROPPED = 3
FORGED = 2


@dataclass(frozen=True, slots=True)
class Caught:
    """One guard that the fault met: what it said, or None where it let the fault pass."""

    by: str
    said: str | None


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


def attempt(trace: RouteTrace, route: SignedRoute, key: BatchKey, chain: Chain) -> list[Caught]:
    """Takes the tampered trace to each guard in turn: the offline check, the verifier contract, the release."""
    explained = explain(route.design, trace)
    offline = None
    if explained.refusal is not None:
        broken = next((finding for finding in explained.findings if finding.reason is not None), None)
        where = f"step {broken.step} ({broken.process}): {broken.text}" if broken else str(explained.refusal)
        offline = where
    found = [Caught("offline check", offline)]
    state = trace.steps[-1].state
    proof = (trace.subject, state.link, signature_words(state.aggregate))
    found.append(_refused(chain, "RouteVerifier", "proveRoute", route.design.route, proof, list(trace.messages)))
    found.append(_refused(chain, "BatchRegistry", "release", key.batch_id, SalesChannel.STANDARD))
    return found


def _refused(chain: Chain, contract: str, function: str, *args: object) -> Caught:
    try:
        chain.send(contract, function, *args)
    except ContractRefusal as refusal:
        return Caught(contract, f"{refusal.name}: {refusal.message}")
    return Caught(contract, None)
