"""The package, the contract and an independent verification on py_ecc agree on random routes of 1 to 12 steps."""

import random
from dataclasses import replace

import pytest
import route_oracle
from route_line import Claim, digest, secret
from route_rig import proof

from chromatrace.crypto.errors import RouteRefused
from chromatrace.crypto.route import verify_state

STATIONS = 8
SMALL = 3


@pytest.mark.slow
@pytest.mark.parametrize("steps", range(1, 13))
def test_all_three_agree(rig, steps):
    """A random route, which may pass a station more than once; up to three steps, wrong claims on it too."""
    chance = random.Random(steps)
    line = rig.line([f"station {chance.randint(1, STATIONS)}" for _ in range(steps)], name=f"random {steps}")
    trace = line.trace(digest(f"random {chance.random()}"))
    honest = Claim(trace.subject, trace.messages, trace.state)
    messages = list(trace.messages)
    messages[chance.randrange(steps)] = digest(f"other {chance.random()}")
    junk = replace(trace.state, aggregate=trace.state.aggregate + secret("junk").sign(b"junk"))
    # The aggregate is what py_ecc judges; a changed message changes the links that it pairs.
    wrong = (replace(honest, state=junk), replace(honest, messages=tuple(messages)))
    for claim in (honest, *(wrong if steps <= SMALL else ())):
        verdicts = {_fast(line, claim), _contract(rig, line, claim), _oracle(line, claim)}
        assert verdicts == {claim is honest}


def test_links_agree(rig):
    line = rig.line(12)
    trace = line.trace(digest("links"))
    found = route_oracle.links(
        *_context(line, trace.subject), trace.messages, [one.key.data for one in line.design.stations]
    )
    assert found == [step.state.link for step in trace.steps]


def _fast(line, claim):
    try:
        verify_state(line.design, claim.subject, claim.messages, claim.state)
    except RouteRefused:
        return False
    return True


def _contract(rig, line, claim):
    return rig.refusal("proveRoute", line.design.route, *proof(claim)) is None


def _oracle(line, claim):
    keys = [one.key.data for one in line.design.stations]
    return route_oracle.holds(*_context(line, claim.subject), claim.messages, keys, claim.state.aggregate.data)


def _context(line, subject):
    verifier = line.design.verifier
    return verifier.chain_id, verifier.address, line.design.route, subject, bytes(32)
