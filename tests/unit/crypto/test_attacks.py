"""All attacks on a route proof, off chain, under both links. On chain: tests/integration/route."""

from dataclasses import replace

import pytest
from route_line import ATTACKS, INFINITY, PLANT, VERIFIER, Line, digest, secret, station

from chromatrace.crypto.bls import PublicKey, Signature
from chromatrace.crypto.errors import Break, PointError, PossessionError, RouteProofError
from chromatrace.crypto.route import (
    Component,
    Profile,
    RouteDesign,
    RouteKind,
    RouteStation,
    explain,
    origin,
    prove_possession,
    sign_record,
    sign_step,
    verify_aggregate,
    verify_assembly,
    verify_state,
    verify_trace,
)
from chromatrace.domain.errors import InvalidInput

SUBJECT = digest("batch")
HEAD_ONLY = {"junk link"}
"""Attacks with a valid aggregate and a wrong head."""


@pytest.fixture(scope="module", params=list(Profile))
def line(request):
    return Line.of(5, request.param)


@pytest.fixture(scope="module")
def trace(line):
    return line.trace(SUBJECT)


def test_a_valid_chain_verifies(line, trace):
    verify_trace(line.design, trace)
    assert explain(line.design, trace).proven


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_is_detected(line, trace, attack):
    claim = attack.build(line, trace)
    with pytest.raises(RouteProofError) as error:
        verify_state(line.design, claim.subject, claim.messages, claim.state)
    assert error.value.reason is attack.reason


@pytest.mark.parametrize(
    "attack", [attack for attack in ATTACKS if attack.contract_error], ids=lambda attack: attack.name
)
def test_an_attack_is_detected_without_the_states(line, trace, attack):
    """A contract and a proof bundle have the messages, one aggregate and the claimed head."""
    claim = attack.build(line, trace)
    arguments = line.design, claim.subject, claim.messages, claim.state.aggregate
    if attack.name in HEAD_ONLY:
        assert verify_aggregate(*arguments) != claim.state.link
        return
    with pytest.raises(RouteProofError) as error:
        verify_aggregate(*arguments)
    assert error.value.reason is (Break.COUNT if attack.reason is Break.COUNT else Break.AGGREGATE)


def test_an_empty_trace_is_not_a_proof(line):
    with pytest.raises(RouteProofError) as error:
        verify_trace(line.design, replace(line.trace(SUBJECT, upto=0)))
    assert error.value.reason is Break.COUNT
    with pytest.raises(PointError):
        Signature(INFINITY)


def test_a_key_at_infinity_is_rejected():
    with pytest.raises(PointError):
        PublicKey(b"\xc0" + bytes(95))


def test_a_rogue_key_has_no_valid_proof_of_possession():
    """With pk' = pk_rogue - pk_victim, a signature of the rogue would be valid for both. The key of pk' is unknown."""
    from py_arkworks_bls12381 import G2Point

    rogue, victim = (G2Point.from_compressed_bytes(secret(name).public_key.data) for name in ("rogue", "station 1"))
    key = PublicKey(bytes((rogue - victim).to_compressed_bytes()))
    for possession in (
        prove_possession(secret("rogue"), PLANT, VERIFIER),
        prove_possession(secret("station 1"), PLANT, VERIFIER),
    ):
        with pytest.raises(PossessionError) as error:
            RouteDesign(
                VERIFIER, PLANT, "pane", 1, (station("station 1"), RouteStation("rogue", PLANT, key, possession))
            )
        assert error.value.field == "/stations/1"


def test_a_proof_of_possession_for_another_organisation_or_verifier_is_rejected():
    key = secret("station 1")
    elsewhere = replace(VERIFIER, chain_id=1)
    for possession in (prove_possession(key, 2, VERIFIER), prove_possession(key, PLANT, elsewhere)):
        with pytest.raises(PossessionError):
            RouteDesign(VERIFIER, PLANT, "pane", 1, (RouteStation("station 1", PLANT, key.public_key, possession),))


def test_a_station_rejects_an_invalid_earlier_state(line):
    half = line.trace(SUBJECT, upto=2)
    record = line.record(SUBJECT, 3)
    state = half.state
    cases = (
        (replace(state, signature=secret("junk").sign(b"junk")), Break.SIGNATURE),
        (replace(state, link=digest("junk")), Break.SIGNATURE),
        (replace(state, signer=secret("station 1").public_key), Break.STATION),
    )
    for invalid, reason in cases:
        steps = (half.steps[0], replace(half.steps[1], state=invalid))
        with pytest.raises(RouteProofError) as error:
            sign_record(line.design, replace(half, steps=steps), record, secret("station 3"))
        assert (error.value.reason, error.value.step, error.value.station) == (reason, 2, "station 2")


def test_a_station_signs_only_its_own_step(line):
    half = line.trace(SUBJECT, upto=2)
    with pytest.raises(InvalidInput) as error:
        sign_record(line.design, half, line.record(SUBJECT, 3), secret("station 4"))
    assert error.value.field == "secret key"
    for field, changes in (
        ("step", {"step": 4}),
        ("process", {"process": "station 4"}),
        ("subject", {"subject": digest("another batch")}),
        ("route", {"route": digest("another route")}),
    ):
        with pytest.raises(InvalidInput) as error:
            sign_record(line.design, half, replace(line.record(SUBJECT, 3), **changes), secret("station 3"))
        assert error.value.field == field
    with pytest.raises(RouteProofError) as error:
        sign_record(line.design, line.trace(SUBJECT), line.record(SUBJECT, 5), secret("station 5"))
    assert error.value.reason is Break.COUNT


def test_an_assembly_is_bound_to_its_components():
    line = Line.of(2, kind=RouteKind.ASSEMBLY)
    parts = (Component(digest("film route"), digest("film")), Component(digest("glass route"), digest("glass")))
    trace = line.trace(SUBJECT, parts)
    verify_trace(line.design, trace)
    for components in (parts[::-1], parts[:1], (parts[0], replace(parts[1], subject=digest("other glass")))):
        with pytest.raises(RouteProofError) as error:
            verify_trace(line.design, replace(trace, components=components))
        assert error.value.reason is Break.LINK
    with pytest.raises(RouteProofError) as error:
        verify_trace(line.design, replace(trace, components=()))
    assert error.value.reason is Break.ORIGIN
    with pytest.raises(InvalidInput):
        line.trace(SUBJECT)
    with pytest.raises(InvalidInput):
        Line.of(2).trace(SUBJECT, parts)


def test_components_are_distinct_and_differ_from_the_subject():
    """Verification fails even if the stations sign."""
    line, part = Line.of(1, kind=RouteKind.ASSEMBLY), Component(digest("film route"), digest("film"))
    for components in ((part, part), (part, Component(line.design.route, SUBJECT))):
        with pytest.raises(InvalidInput) as invalid:
            line.trace(SUBJECT, components)
        assert invalid.value.field == "components"
        message = digest("step")
        state = sign_step(line.design, None, 1, origin(line.design, SUBJECT, components), message, secret("station 1"))
        for check, evidence in ((verify_state, state), (verify_aggregate, state.aggregate)):
            with pytest.raises(RouteProofError) as error:
                check(line.design, SUBJECT, [message], evidence, components)
            assert error.value.reason is Break.ORIGIN


def test_an_assembly_is_verified_with_its_components():
    film, line = Line.of(2, name="film"), Line.of(2, kind=RouteKind.ASSEMBLY)
    parts = [film.trace(digest(f"pane {n}")) for n in range(2)]
    trace = line.trace(SUBJECT, [Component(film.design.route, part.subject) for part in parts])
    proven = [(film.design, part) for part in parts]
    verify_assembly(line.design, trace, proven)
    other = (film.design, film.trace(digest("another pane")))
    for wrong in (proven[::-1], proven[:1], [], [proven[0], other], [*proven, other]):
        with pytest.raises(RouteProofError) as error:
            verify_assembly(line.design, trace, wrong)
        assert error.value.reason is Break.ORIGIN
    with pytest.raises(RouteProofError) as error:
        verify_assembly(line.design, trace, [proven[0], (film.design, replace(parts[1], steps=parts[1].steps[:1]))])
    assert error.value.reason is Break.COUNT


def test_in_the_evm_profile_later_signatures_survive_a_corrupted_aggregate():
    """c_i does not depend on σ in this profile, so later signatures are valid once the correct σ is restored."""
    line = Line.of(4)
    half = line.trace(SUBJECT, upto=2)
    corrupted = replace(half.steps[1].state, aggregate=secret("junk").sign(b"junk"))
    trace = replace(half, steps=(half.steps[0], replace(half.steps[1], state=corrupted)))
    for step in (3, 4):
        trace = sign_record(line.design, trace, line.record(SUBJECT, step), secret(f"station {step}"))
    assert explain(line.design, trace).error.step == 2
    aggregate = half.steps[1].state.aggregate
    for step in trace.steps[2:]:
        aggregate += step.state.signature
    verify_state(line.design, SUBJECT, trace.messages, replace(trace.state, aggregate=aggregate))


def test_explain_names_the_first_step_that_breaks(line, trace):
    def changed(number, **changes):
        step = trace.steps[number - 1]
        rest = {name: changes.pop(name) for name in ("message", "record") if name in changes}
        state = replace(step.state, **changes)
        steps = list(trace.steps)
        steps[number - 1] = replace(step, state=state, **rest)
        return replace(trace, steps=tuple(steps))

    other = line.record(SUBJECT, 3, digest=digest("other data"))
    cases = (
        (changed(3, record=other), 3, Break.RECORD),
        (changed(3, record=None, message=digest("other")), 3, Break.LINK),
        (changed(2, link=digest("junk")), 2, Break.LINK),
        (changed(4, signature=secret("junk").sign(b"junk")), 4, Break.SIGNATURE),
        (changed(2, aggregate=secret("junk").sign(b"junk")), 2, Break.AGGREGATE),
        (changed(5, signer=secret("junk").public_key), 5, Break.STATION),
        (replace(trace, steps=trace.steps[:3]), 4, Break.COUNT),
        (replace(trace, subject=digest("another batch")), 1, Break.RECORD),
    )
    for broken, step, reason in cases:
        explanation = explain(line.design, broken)
        assert not explanation.proven
        assert (explanation.error.step, explanation.error.reason) == (step, reason)
        assert explanation.error.station == f"station {step}"
        assert [result.holds for result in explanation.steps] == [number < step for number in range(1, 6)]
    too_long = replace(trace, steps=(*trace.steps, trace.steps[-1]))
    assert explain(line.design, too_long).error.reason is Break.COUNT
    assert explain(line.design, replace(trace, route=digest("other"))).error.reason is Break.ORIGIN
