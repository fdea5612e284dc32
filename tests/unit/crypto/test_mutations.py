"""Verification detects any changed byte of any input, under both links: 10,000 random changes of files.

CHROMATRACE_MUTATIONS sets another number.
"""

import os
import random
from dataclasses import replace

import pytest
from route_line import Line, digest

from chromatrace.crypto.bls import PublicKey, Signature
from chromatrace.crypto.route import (
    Component,
    Profile,
    RouteKind,
    SignedState,
    verify_aggregate,
    verify_state,
    verify_trace,
)
from chromatrace.crypto.route.files import (
    design_to_cbor,
    design_to_json,
    read_design,
    read_trace,
    trace_to_cbor,
    trace_to_json,
)
from chromatrace.domain.errors import ChromaTraceError

SUBJECT = digest("batch")
PARTS = (Component(digest("film route"), digest("film")), Component(digest("glass route"), digest("glass")))
MUTATIONS = int(os.environ.get("CHROMATRACE_MUTATIONS", "10000"))
SHARES = {Profile.EVM: 0.95, Profile.PAPER: 0.05}
FORMS = {"json": (design_to_json, trace_to_json), "cbor": (design_to_cbor, trace_to_cbor)}


def mutated(data, index, rng):
    changed = bytearray(data)
    changed[index] ^= rng.randrange(1, 256)
    return bytes(changed)


def files_hold(design, trace):
    try:
        verify_trace(read_design(design), read_trace(trace))
    except ChromaTraceError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("profile", list(Profile))
def test_every_mutation_of_the_files_is_detected(profile):
    """Includes keys, proofs of possession, names, numbers, states, records, and their encoding."""
    rng, line = random.Random(2026), Line.of(3, profile, kind=RouteKind.ASSEMBLY)
    trace = line.trace(SUBJECT, PARTS)
    for form, (write_design, write_trace) in FORMS.items():
        files = [write_design(line.design), write_trace(trace)]
        assert files_hold(*files)
        for number in range(int(MUTATIONS * SHARES[profile] / len(FORMS))):
            which = rng.randrange(2)
            index = rng.randrange(len(files[which]))
            changed = files.copy()
            changed[which] = mutated(files[which], index, rng)
            assert not files_hold(*changed), f"{form}, file {which}, byte {index}, change {number}"


@pytest.mark.parametrize("profile", list(Profile))
def test_every_changed_byte_of_the_last_state_is_detected(profile):
    """Changes each byte of the 224 that a station hands over, of the subject and of the messages."""
    rng, line = random.Random(7), Line.of(2, profile)
    trace = line.trace(SUBJECT)
    state = trace.state
    parts = (SUBJECT, *trace.messages, state.aggregate.data, state.link, state.signature.data, state.signer.data)
    for part, data in enumerate(parts):
        for index in range(len(data)):
            changed = list(parts)
            changed[part] = mutated(data, index, rng)
            with pytest.raises(ChromaTraceError):
                verify_parts(line.design, *changed)
    verify_parts(line.design, *parts)


def verify_parts(design, subject, first, second, aggregate, link, signature, signer):
    state = SignedState(Signature(aggregate), link, Signature(signature), PublicKey(signer))
    verify_state(design, subject, (first, second), state)


@pytest.mark.parametrize("profile", list(Profile))
def test_every_changed_byte_of_an_aggregate_proof_is_detected(profile):
    """A contract and a proof bundle have the subject, the messages and one aggregate."""
    rng, line = random.Random(8), Line.of(2, profile)
    trace = line.trace(SUBJECT)
    parts = (SUBJECT, *trace.messages, trace.state.aggregate.data)
    for part, data in enumerate(parts):
        for index in range(len(data)):
            subject, first, second, aggregate = (
                mutated(data, index, rng) if number == part else value for number, value in enumerate(parts)
            )
            with pytest.raises(ChromaTraceError):
                verify_aggregate(line.design, subject, (first, second), Signature(aggregate))
    assert verify_aggregate(line.design, SUBJECT, trace.messages, trace.state.aggregate) == trace.state.link


@pytest.mark.parametrize("index", range(3))
def test_every_changed_state_of_a_trace_is_detected(index):
    """Every state counts, because the trace is the evidence for the first step that breaks."""
    line = Line.of(3)
    trace = line.trace(SUBJECT)
    other = line.trace(digest("another batch")).steps[index].state
    for name in ("aggregate", "link", "signature"):
        steps = list(trace.steps)
        steps[index] = replace(steps[index], state=replace(steps[index].state, **{name: getattr(other, name)}))
        with pytest.raises(ChromaTraceError) as error:
            verify_trace(line.design, replace(trace, steps=tuple(steps)))
        assert error.value.field == f"/steps/{index}"
