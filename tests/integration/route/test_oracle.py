"""The package, the contract and an independent verification on py_ecc agree on random routes of 1 to 12 steps.

CHROMATRACE_ORACLE_ROUNDS sets the number of routes of each length; the default is one.
"""

import os
import random
from dataclasses import replace

import pytest
import route_oracle
from route_line import Claim, digest, relinked, secret
from route_rig import proof

from chromatrace.crypto.errors import RouteProofError
from chromatrace.crypto.route import verify_state

STATIONS = 8
SMALL = 3
ROUNDS = int(os.environ.get("CHROMATRACE_ORACLE_ROUNDS", "1"))


@pytest.mark.slow
@pytest.mark.parametrize("steps", range(1, 13))
@pytest.mark.parametrize("number", range(ROUNDS))
def test_package_contract_and_oracle_agree(rig, steps, number):
    """All three judge a valid claim on a random route, which may repeat a station, and two invalid ones.

    Invalid claims have the head that the verifiers expect and are detected by the pairing. In the first round, a long
    route has its last message changed, and shares most pairings with the valid claim.
    """
    rng = random.Random(f"{number} {steps}")
    names = [f"station {rng.randint(1, STATIONS)}" for _ in range(steps)]
    line = rig.line(names, name=f"random {number} {steps}")
    trace = line.trace(digest(f"random {rng.random()}"))
    valid = Claim(trace.subject, trace.messages, trace.state)
    messages = list(trace.messages)
    index = rng.randrange(steps) if steps <= SMALL or number else steps - 1
    messages[index] = digest(f"other {rng.random()}")
    invalid_state = replace(trace.state, aggregate=trace.state.aggregate + secret("junk").sign(b"junk"))
    changed = relinked(line, replace(valid, messages=tuple(messages)))
    for claim in (valid, replace(valid, state=invalid_state), changed):
        verdicts = [_fast(line, claim), _contract(rig, line, claim), _oracle(line, claim)]
        assert verdicts == [claim is valid] * 3


def test_package_and_oracle_compute_the_same_links(rig):
    line = rig.line(12)
    trace = line.trace(digest("links"))
    links = route_oracle.links(
        *_context(line, trace.subject), trace.messages, [station.key.data for station in line.design.stations]
    )
    assert links == [step.state.link for step in trace.steps]


def _fast(line, claim):
    try:
        verify_state(line.design, claim.subject, claim.messages, claim.state)
    except RouteProofError:
        return False
    return True


def _contract(rig, line, claim):
    error = rig.error("proveRoute", line.design.route, *proof(claim))
    assert error is None or error.name == "InvalidProof", "the pairing was not reached"
    return error is None


def _oracle(line, claim):
    keys = [station.key.data for station in line.design.stations]
    return route_oracle.holds(*_context(line, claim.subject), claim.messages, keys, claim.state.aggregate.data)


def _context(line, subject):
    verifier = line.design.verifier
    return verifier.chain_id, verifier.address, line.design.route, subject, bytes(32)
