"""A batch whose route requires its proof is not released without it."""

import pytest
from refusals import Refused, refusal
from stations import Stations
from world import batch_id

from chromatrace.crypto.route import route_id
from chromatrace.domain.rights import BatchState, RouteKind, SalesChannel, Stage, Verdict


@pytest.fixture
def stations(world):
    return Stations(world)


def graded(world, route, lot="L1"):
    """A batch made by `route`, graded."""
    registration = (*world.registration(lot)[:5], route, [])
    by_producer = {"from": world.producer}
    world.registry.register(registration, by_producer)
    batch = batch_id(lot)
    world.inspect(batch, Stage.FIRST, Verdict.PASS)
    world.registry.assemble(batch, by_producer)
    world.inspect(batch, Stage.FINAL, Verdict.PASS)
    world.registry.grade(batch, 200, 40, 10, by_producer)
    return batch


@pytest.mark.parametrize("channel", list(SalesChannel))
def test_not_before_the_proof(world, stations, channel):
    line = stations.line(2, required=True)
    batch = graded(world, line.design.route)
    assert bytes(world.registry.requiredRouteOf(batch)) == line.design.route
    expected = Refused("RouteNotProven", batch=batch, route=line.design.route)
    assert refusal(world.registry.release, batch, channel, sender=world.producer) == expected

    other = stations.line(2, name="frame")
    stations.prove(other, batch)
    assert refusal(world.registry.release, batch, channel, sender=world.producer) == expected

    stations.prove(line, batch)
    world.registry.release(batch, channel, {"from": world.producer})
    assert world.batch(batch).state is BatchState.RELEASED


def test_where_the_policy_asks_for_none(world, stations):
    line = stations.line(2)
    for lot, route in (("L1", line.design.route), ("L2", bytes(32))):
        batch = graded(world, route, lot)
        assert bytes(world.registry.requiredRouteOf(batch)) == bytes(32)
        world.registry.release(batch, SalesChannel.STANDARD, {"from": world.producer})


def test_no_batch_names_a_route_before_its_policy(world, stations):
    """Else a batch of a route to come, whose id anybody can compute, is released without the proof it asks for."""
    line = stations.line(1, required=True)
    to_come = route_id(world.plant, "pane", 2)
    early = (*world.registration()[:5], to_come, [])
    expected = Refused("UnknownRoute", route=to_come)
    assert refusal(world.registry.register, early, sender=world.producer) == expected
    assert refusal(world.registry.registerMany, [early], sender=world.producer) == expected
    assert refusal(world.routes.requiresProof, to_come, sender=world.producer) == expected

    keys = [station.key_id for station in line.design.stations]
    world.routes.designRoute("pane", RouteKind.PROCESSING, True, keys, ["sputtering"], {"from": world.producer})
    world.registry.register(early, {"from": world.producer})
    assert bytes(world.registry.requiredRouteOf(batch_id("L1"))) == to_come


def test_each_batch_of_one_call_by_its_own_route(world, stations):
    line = stations.line(1, required=True)
    routes = {"L1": line.design.route, "L2": bytes(32), "L3": line.design.route}
    many = [(*world.registration(lot)[:5], route, []) for lot, route in routes.items()]
    world.registry.registerMany(many, {"from": world.producer})
    for lot, route in routes.items():
        assert bytes(world.registry.requiredRouteOf(batch_id(lot))) == route


def test_registry_names_its_verifier(world):
    assert world.registry.verifier() == world.routes.address
