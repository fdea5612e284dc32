"""`BatchRegistry.release` of batches whose route requires a proof."""

import pytest
from environment import batch_id
from reverts import Revert, revert_of
from stations import Stations

from chromatrace.crypto.route import route_id
from chromatrace.domain.rights import BatchState, RouteKind, SalesChannel, Stage, Verdict


@pytest.fixture
def stations(env):
    return Stations(env)


def graded(env, route, lot="L1"):
    """Return a graded batch of `route`."""
    registration = (*env.registration(lot)[:5], route, [])
    by_producer = {"from": env.producer}
    env.registry.register(registration, by_producer)
    batch = batch_id(lot)
    env.inspect(batch, Stage.FIRST, Verdict.PASS)
    env.registry.assemble(batch, by_producer)
    env.inspect(batch, Stage.FINAL, Verdict.PASS)
    env.registry.grade(batch, 200, 40, 10, by_producer)
    return batch


@pytest.mark.parametrize("channel", list(SalesChannel))
def test_rejects_a_batch_without_proof(env, stations, channel):
    line = stations.line(2, required=True)
    batch = graded(env, line.design.route)
    assert bytes(env.registry.requiredRouteOf(batch)) == line.design.route
    expected = Revert("RouteNotProven", batch=batch, route=line.design.route)
    assert revert_of(env.registry.release, batch, channel, sender=env.producer) == expected

    other = stations.line(2, name="frame")
    stations.prove(other, batch)
    assert revert_of(env.registry.release, batch, channel, sender=env.producer) == expected

    stations.prove(line, batch)
    env.registry.release(batch, channel, {"from": env.producer})
    assert env.batch(batch).state is BatchState.RELEASED


def test_releases_without_proof_if_the_policy_requires_none(env, stations):
    line = stations.line(2)
    for lot, route in (("L1", line.design.route), ("L2", bytes(32))):
        batch = graded(env, route, lot)
        assert bytes(env.registry.requiredRouteOf(batch)) == bytes(32)
        env.registry.release(batch, SalesChannel.STANDARD, {"from": env.producer})


def test_rejects_a_registration_with_a_route_that_is_not_designed(env, stations):
    """Otherwise a batch could use the id of a future route and be released without the proof it requires."""
    line = stations.line(1, required=True)
    undesigned = route_id(env.plant, "pane", 2)
    early = (*env.registration()[:5], undesigned, [])
    expected = Revert("UnknownRoute", route=undesigned)
    assert revert_of(env.registry.register, early, sender=env.producer) == expected
    assert revert_of(env.registry.registerMany, [early], sender=env.producer) == expected
    assert revert_of(env.routes.requiresProof, undesigned, sender=env.producer) == expected

    keys = [station.key_id for station in line.design.stations]
    env.routes.designRoute("pane", RouteKind.PROCESSING, True, keys, ["sputtering"], {"from": env.producer})
    env.registry.register(early, {"from": env.producer})
    assert bytes(env.registry.requiredRouteOf(batch_id("L1"))) == undesigned


def test_each_batch_of_a_call_follows_its_own_route(env, stations):
    line = stations.line(1, required=True)
    routes = {"L1": line.design.route, "L2": bytes(32), "L3": line.design.route}
    many = [(*env.registration(lot)[:5], route, []) for lot, route in routes.items()]
    env.registry.registerMany(many, {"from": env.producer})
    for lot, route in routes.items():
        assert bytes(env.registry.requiredRouteOf(batch_id(lot))) == route


def test_the_registry_returns_its_verifier(env):
    assert env.registry.verifier() == env.routes.address
