"""Any single change to any byte of any input of a valid proof is refused: 10,000 of them, under both links."""

import random
from copy import copy
from dataclasses import replace

import pytest
from route_line import Line, digest

from chromatrace.crypto.bls import PublicKey, Signature
from chromatrace.crypto.errors import InvalidPoint, PossessionNotProven, RouteRefused
from chromatrace.crypto.route import Profile, SignedState, verify_state
from chromatrace.domain.errors import InvalidInput

SUBJECT = digest("batch")
FIELDS = ("subject", "message", "link", "aggregate", "signature", "signer", "key", "route", "chain id", "verifier")
MUTATIONS = {Profile.EVM: 9_500, Profile.PAPER: 500}


@pytest.mark.slow
@pytest.mark.parametrize("profile", list(Profile))
def test_every_mutation_is_refused(profile):
    line = Line.of(2, profile)
    trace = line.trace(SUBJECT)
    verify_state(line.design, SUBJECT, trace.messages, trace.state)
    chance = random.Random(2026)
    refused = dict.fromkeys(FIELDS, 0)
    for _ in range(MUTATIONS[profile]):
        field = chance.choice(FIELDS)
        try:
            _verify_mutated(line, trace, field, chance)
        except (RouteRefused, InvalidPoint, PossessionNotProven, InvalidInput):
            refused[field] += 1
        else:
            pytest.fail(f"a change of {field} passed")
    assert sum(refused.values()) == MUTATIONS[profile]
    assert all(refused.values())


def _verify_mutated(line, trace, field, chance):
    design, subject, messages, state = line.design, SUBJECT, list(trace.messages), trace.state
    data = {
        "aggregate": state.aggregate.data,
        "signature": state.signature.data,
        "signer": state.signer.data,
        "link": state.link,
    }
    if field in data:
        data[field] = _mutated(data[field], chance)
        state = SignedState(
            Signature(data["aggregate"]), data["link"], Signature(data["signature"]), PublicKey(data["signer"])
        )
    elif field == "subject":
        subject = _mutated(subject, chance)
    elif field == "message":
        place = chance.randrange(len(messages))
        messages[place] = _mutated(messages[place], chance)
    else:
        design = _mutated_design(design, field, chance)
    verify_state(design, subject, messages, state)


def _mutated_design(design, field, chance):
    """The verifier's side: another design, route, chain or contract than the one that was signed for."""
    if field == "key":
        place = chance.randrange(len(design))
        station = design.stations[place]
        key = PublicKey(_mutated(station.key.data, chance))
        stations = list(design.stations)
        stations[place] = replace(station, key=key)
        return replace(design, stations=tuple(stations))
    if field == "route":
        changed = copy(design)
        object.__setattr__(changed, "route", _mutated(design.route, chance))
        return changed
    # Past the proofs of possession, which another chain or contract would refuse first.
    verifier = design.verifier
    if field == "chain id":
        verifier = replace(verifier, chain_id=verifier.chain_id ^ (1 << chance.randrange(64)) or 1)
    else:
        verifier = replace(verifier, address="0x" + _mutated(bytes.fromhex(verifier.address[2:]), chance).hex())
    changed = copy(design)
    object.__setattr__(changed, "verifier", verifier)
    return changed


def _mutated(data, chance):
    changed = bytearray(data)
    changed[chance.randrange(len(data))] ^= chance.randrange(1, 256)
    return bytes(changed)
