"""`RouteVerifier.proveRoute`, `proveRoutes` and `proveAssembly`. Attacks are tested in tests/integration/route."""

import pytest
from environment import event, plain
from reverts import Revert, revert_of
from stations import Stations, digest

from chromatrace.crypto.route import Component, proof_of, proofs_of, subject_of
from chromatrace.domain.rights import RouteKind

SUBJECT = digest("batch")


@pytest.fixture
def stations(env):
    return Stations(env)


@pytest.fixture
def line(stations):
    return stations.line(3)


@pytest.mark.parametrize("caller", ["producer", "gateway", "administrator", "competitor"])
def test_proves_a_subject(env, stations, line, caller):
    sender = getattr(env, caller)
    head = line.trace(SUBJECT).state.link
    tx = stations.prove(line, SUBJECT, sender)
    assert event(tx, "RouteProven") == {"route": line.design.route, "subject": SUBJECT, "head": head, "by": sender}
    assert env.routes.isProven(line.design.route, SUBJECT)
    assert not env.routes.isRecordedUnverified(line.design.route, SUBJECT)


def test_rejects_other_roles(env, stations, line):
    arguments = stations.proof(line, SUBJECT)
    for caller in (env.logistics, env.supervisor):
        assert revert_of(env.routes.proveRoute, line.design.route, *arguments, sender=caller).name == "MissingRole"
    revert = revert_of(env.routes.proveRoute, line.design.route, *arguments, sender=env.stranger)
    assert revert == Revert("UnknownOperator", operator=str(env.stranger))
    env.suspend(env.plant)
    revert = revert_of(env.routes.proveRoute, line.design.route, *arguments, sender=env.producer)
    assert revert == Revert("OrganisationInactive", organisation=env.plant)


def test_units_of_a_batch_share_a_storage_word(env, stations, line):
    units = [0, 1, 255]
    traces = [line.trace(subject_of(SUBJECT, unit)) for unit in units]
    env.routes.proveRoutes(line.design.route, *proofs_of(line.design, traces), {"from": env.producer})
    words = {subject_of(SUBJECT, unit)[:31] for unit in range(256)}
    assert len(words) == 1
    for unit in (*range(0, 256, 5), 1, 256, 511):
        assert env.routes.isProven(line.design.route, subject_of(SUBJECT, unit)) == (unit in units)
        assert bytes(env.routes.subjectOf(SUBJECT, unit)) == subject_of(SUBJECT, unit)


def test_a_proof_counts_for_its_route_only(env, stations, line):
    stations.prove(line, SUBJECT)
    other = stations.line(3, name="frame")
    assert not env.routes.isProven(other.design.route, SUBJECT)


def test_skips_subjects_that_are_proven(env, stations, line):
    """A prover of any organisation can prove one of the subjects first; the others are still proven."""
    traces = [line.trace(digest(f"batch {n}")) for n in range(4)]
    proofs, messages = proofs_of(line.design, traces)
    first = traces[2].subject
    stations.prove(line, first, env.competitor)
    tx = env.routes.proveRoutes(
        line.design.route, [*proofs, proofs[0]], [*messages, *messages[:3]], {"from": env.producer}
    )
    assert list(tx.return_value) == [True, True, False, True, False]
    assert [plain(skipped.values()) for skipped in tx.events["ProofSkipped"]] == [
        (line.design.route, subject, env.producer) for subject in (first, traces[0].subject)
    ]
    assert [bytes(proven["subject"]) for proven in tx.events["RouteProven"]] == [traces[n].subject for n in (0, 1, 3)]
    assert all(env.routes.isProven(line.design.route, trace.subject) for trace in traces)
    again = env.routes.proveRoutes(line.design.route, proofs, messages, {"from": env.producer})
    assert list(again.return_value) == [False] * 4


def test_a_skipped_subject_does_not_hide_an_invalid_proof(env, stations, line):
    traces = [line.trace(digest(f"batch {n}")) for n in range(3)]
    proofs, messages = proofs_of(line.design, traces)
    stations.prove(line, traces[0].subject)
    swapped = [proofs[0], proofs[1]._replace(signature=proofs[2].signature), proofs[2]]
    revert = revert_of(env.routes.proveRoutes, line.design.route, swapped, messages, sender=env.producer)
    assert revert == Revert("InvalidProofSet", route=line.design.route, count=2)


def test_one_invalid_proof_reverts_the_call(env, stations, line):
    traces = [line.trace(digest(f"batch {n}")) for n in range(3)]
    proofs, messages = proofs_of(line.design, traces)
    messages[4] = digest("another record")
    revert = revert_of(env.routes.proveRoutes, line.design.route, proofs, messages, sender=env.producer)
    assert (revert.name, revert.args["subject"]) == ("HeadMismatch", traces[1].subject)
    assert not any(env.routes.isProven(line.design.route, trace.subject) for trace in traces)


def test_proves_an_assembly(env, stations, line):
    parts = [digest("film"), digest("glass")]
    for part in parts:
        stations.prove(line, part)
    assembly = stations.line(2, RouteKind.ASSEMBLY, "device")
    components = [Component(line.design.route, part) for part in parts]
    trace = assembly.trace(SUBJECT, components)
    listed = [(part.route, part.subject) for part in components]
    arguments = (assembly.design.route, *proof_of(assembly.design, trace), listed)
    tx = env.routes.proveAssembly(*arguments, {"from": env.gateway})
    proven = event(tx, "AssemblyProven")
    assert (proven["route"], proven["subject"]) == (assembly.design.route, SUBJECT)
    assert plain(proven["components"]) == tuple(listed)
    assert event(tx, "RouteProven")["head"] == trace.state.link
    revert = revert_of(env.routes.proveAssembly, *arguments, sender=env.gateway)
    assert revert == Revert("AlreadyProven", route=assembly.design.route, subject=SUBJECT)


def test_components_must_be_proven_and_listed_once(env, stations, line):
    film, glass = (Component(line.design.route, digest(part)) for part in ("film", "glass"))
    stations.prove(line, film.subject)
    assembly = stations.line(1, RouteKind.ASSEMBLY, "device")
    whole = Component(assembly.design.route, SUBJECT)
    # Components are checked before the signature, so any signature will do.
    proof, messages = proof_of(assembly.design, assembly.trace(SUBJECT, [film]))
    for components, expected in (
        ([film, glass], Revert("ComponentNotProven", route=glass.route, subject=glass.subject)),
        ([film, film], Revert("DuplicateComponent", route=film.route, subject=film.subject)),
        ([film, whole], Revert("ComponentNotProven", route=whole.route, subject=whole.subject)),
    ):
        listed = [(part.route, part.subject) for part in components]
        arguments = (assembly.design.route, proof, messages, listed)
        assert revert_of(env.routes.proveAssembly, *arguments, sender=env.producer) == expected

    stations.prove(line, glass.subject)
    listed = [(part.route, part.subject) for part in (glass, film)]
    arguments = (assembly.design.route, proof, messages, listed)
    assert revert_of(env.routes.proveAssembly, *arguments, sender=env.producer).name == "HeadMismatch"
    in_order = proof_of(assembly.design, assembly.trace(SUBJECT, [glass, film]))
    env.routes.proveAssembly(assembly.design.route, *in_order, listed, {"from": env.producer})
    assert env.routes.isProven(assembly.design.route, SUBJECT)
