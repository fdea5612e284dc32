"""Who may prove, what is stored, and what is told. Attacks: tests/integration/route."""

import pytest
from refusals import Refused, refusal
from stations import Stations, digest
from world import event, plain

from chromatrace.crypto.route import Component, proof_of, proofs_of, subject_of
from chromatrace.domain.rights import RouteKind

SUBJECT = digest("batch")


@pytest.fixture
def stations(world):
    return Stations(world)


@pytest.fixture
def line(stations):
    return stations.line(3)


@pytest.mark.parametrize("who", ["producer", "gateway", "administrator", "competitor"])
def test_proves(world, stations, line, who):
    sender = getattr(world, who)
    head = line.trace(SUBJECT).state.link
    tx = stations.prove(line, SUBJECT, sender)
    assert event(tx, "RouteProven") == {"route": line.design.route, "subject": SUBJECT, "head": head, "by": sender}
    assert world.routes.isProven(line.design.route, SUBJECT)
    assert not world.routes.isRecordedUnverified(line.design.route, SUBJECT)


def test_refuses_other_roles(world, stations, line):
    arguments = stations.proof(line, SUBJECT)
    for who in (world.logistics, world.supervisor):
        assert refusal(world.routes.proveRoute, line.design.route, *arguments, sender=who).name == "MissingRole"
    refused = refusal(world.routes.proveRoute, line.design.route, *arguments, sender=world.stranger)
    assert refused == Refused("UnknownOperator", operator=str(world.stranger))
    world.suspend(world.plant)
    refused = refusal(world.routes.proveRoute, line.design.route, *arguments, sender=world.producer)
    assert refused == Refused("OrganisationInactive", organisation=world.plant)


def test_bits_of_one_batch_share_a_word_and_do_not_touch(world, stations, line):
    units = [0, 1, 255]
    traces = [line.trace(subject_of(SUBJECT, unit)) for unit in units]
    world.routes.proveRoutes(line.design.route, *proofs_of(line.design, traces), {"from": world.producer})
    words = {subject_of(SUBJECT, unit)[:31] for unit in range(256)}
    assert len(words) == 1
    for unit in (*range(0, 256, 5), 1, 256, 511):
        assert world.routes.isProven(line.design.route, subject_of(SUBJECT, unit)) == (unit in units)
        assert bytes(world.routes.subjectOf(SUBJECT, unit)) == subject_of(SUBJECT, unit)


def test_a_proof_of_one_route_is_none_of_another(world, stations, line):
    stations.prove(line, SUBJECT)
    other = stations.line(3, name="frame")
    assert not world.routes.isProven(other.design.route, SUBJECT)


def test_nothing_is_stored_where_one_of_many_is_refused(world, stations, line):
    traces = [line.trace(digest(f"batch {n}")) for n in range(3)]
    proofs, messages = proofs_of(line.design, traces)
    messages[4] = digest("another record")
    refused = refusal(world.routes.proveRoutes, line.design.route, proofs, messages, sender=world.producer)
    assert (refused.name, refused.args["subject"]) == ("HeadMismatch", traces[1].subject)
    assert not any(world.routes.isProven(line.design.route, trace.subject) for trace in traces)


def test_an_assembly_of_processing_routes(world, stations, line):
    parts = [digest("film"), digest("glass")]
    for part in parts:
        stations.prove(line, part)
    assembly = stations.line(2, RouteKind.ASSEMBLY, "device")
    components = [Component(line.design.route, part) for part in parts]
    trace = assembly.trace(SUBJECT, components)
    named = [(part.route, part.subject) for part in components]
    arguments = (assembly.design.route, *proof_of(assembly.design, trace), named)
    tx = world.routes.proveAssembly(*arguments, {"from": world.gateway})
    told = event(tx, "AssemblyProven")
    assert (told["route"], told["subject"]) == (assembly.design.route, SUBJECT)
    assert plain(told["components"]) == tuple(named)
    assert event(tx, "RouteProven")["head"] == trace.state.link
    refused = refusal(world.routes.proveAssembly, *arguments, sender=world.gateway)
    assert refused == Refused("AlreadyProven", route=assembly.design.route, subject=SUBJECT)


def test_components_are_proven_before_and_named_once(world, stations, line):
    film, glass = (Component(line.design.route, digest(part)) for part in ("film", "glass"))
    stations.prove(line, film.subject)
    assembly = stations.line(1, RouteKind.ASSEMBLY, "device")
    whole = Component(assembly.design.route, SUBJECT)
    # No honest station signs the last two; what the components are is looked at before any signature.
    proof, messages = proof_of(assembly.design, assembly.trace(SUBJECT, [film]))
    for components, expected in (
        ([film, glass], Refused("ComponentNotProven", route=glass.route, subject=glass.subject)),
        ([film, film], Refused("DuplicateComponent", route=film.route, subject=film.subject)),
        ([film, whole], Refused("ComponentNotProven", route=whole.route, subject=whole.subject)),
    ):
        named = [(part.route, part.subject) for part in components]
        arguments = (assembly.design.route, proof, messages, named)
        assert refusal(world.routes.proveAssembly, *arguments, sender=world.producer) == expected

    stations.prove(line, glass.subject)
    named = [(part.route, part.subject) for part in (glass, film)]
    arguments = (assembly.design.route, proof, messages, named)
    assert refusal(world.routes.proveAssembly, *arguments, sender=world.producer).name == "HeadMismatch"
    in_order = proof_of(assembly.design, assembly.trace(SUBJECT, [glass, film]))
    world.routes.proveAssembly(assembly.design.route, *in_order, named, {"from": world.producer})
    assert world.routes.isProven(assembly.design.route, SUBJECT)
