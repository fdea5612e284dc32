"""Designs: versioned by name, immutable, made of registered keys in order."""

import pytest
from refusals import Refused, refusal
from stations import Stations, digest
from world import event, plain

from chromatrace.crypto.route import route_id
from chromatrace.domain.rights import Role, RouteKind

NAMES = ["sputter", "inspect", "assemble"]


@pytest.fixture
def stations(world):
    return Stations(world)


@pytest.fixture
def keys(stations):
    return stations.register("A", "B", "C")


def test_designs_and_versions(world, keys):
    for version, order in ((1, keys), (2, keys[::-1])):
        tx = world.routes.designRoute("pane", RouteKind.PROCESSING, True, order, NAMES, {"from": world.producer})
        expected = route_id(world.plant, "pane", version)
        assert event(tx, "RouteDesigned") == {
            "route": expected,
            "organisation": world.plant,
            "name": "pane",
            "version": version,
            "kind": RouteKind.PROCESSING,
            "requiresProof": True,
            "keys": tuple(order),
            "processes": tuple(NAMES),
            "by": world.producer,
        }
        assert plain(world.routes.route(expected)) == (world.plant, RouteKind.PROCESSING, True, 3, version)
        assert [bytes(key) for key in world.routes.keysOf(expected)] == order
        assert world.routes.requiresProof(expected)
        assert world.routes.versionOf(world.plant, "pane") == version
        assert bytes(world.routes.routeIdOf(world.plant, "pane", version)) == expected
    assert [bytes(key) for key in world.routes.keysOf(route_id(world.plant, "pane", 1))] == keys


def test_names_belong_to_their_organisation(world, keys):
    for sender, owner in ((world.producer, world.plant), (world.competitor, world.rival)):
        world.routes.designRoute("pane", RouteKind.ASSEMBLY, False, keys[:1], NAMES[:1], {"from": sender})
        assert world.routes.versionOf(owner, "pane") == 1


def test_a_station_may_come_twice(world, keys):
    order = [keys[0], keys[1], keys[0]]
    world.routes.designRoute("twice", RouteKind.PROCESSING, False, order, NAMES, {"from": world.producer})
    assert [bytes(key) for key in world.routes.keysOf(route_id(world.plant, "twice", 1))] == order


def test_of_an_unknown_route_nothing_is_known(world):
    route = digest("no route")
    assert refusal(world.routes.requiresProof, route, sender=world.stranger) == Refused("UnknownRoute", route=route)
    assert not world.routes.isProven(digest("no route"), digest("batch"))
    assert plain(world.routes.route(digest("no route"))) == (0, 0, False, 0, 0)
    assert list(world.routes.keysOf(digest("no route"))) == []


def test_refusals(world, keys):
    def designed(name="pane", kind=RouteKind.PROCESSING, order=None, names=NAMES, sender=None):
        order = keys if order is None else order
        return refusal(world.routes.designRoute, name, kind, False, order, names, sender=sender or world.producer)

    assert designed(name="") == Refused("InvalidRouteName", length=0)
    assert designed(name="é" * 33) == Refused("InvalidRouteName", length=66)
    assert designed(kind=0) == Refused("InvalidRouteKind")
    assert designed(order=[], names=[]) == Refused("InvalidStepCount", steps=0, maximum=64)
    assert designed(order=keys[:1] * 65, names=["x"] * 65) == Refused("InvalidStepCount", steps=65, maximum=64)
    assert designed(names=NAMES[:2]).name == "LengthMismatch"
    assert designed(names=["a", "", "c"]) == Refused("InvalidProcessName", step=2, length=0)
    assert designed(order=[*keys[:2], digest("x")]) == Refused("UnknownStationKey", key=digest("x"))
    refused = designed(sender=world.gateway)
    assert (refused.name, refused.args["required"]) == ("MissingRole", Role.PRODUCER | Role.ADMIN)


def test_the_longest_route_fits_a_transaction(world, keys):
    names = [f"step {n}" for n in range(64)]
    tx = world.routes.designRoute("long", RouteKind.PROCESSING, False, keys[:1] * 64, names, {"from": world.producer})
    assert tx.gas_used < 2**24
    assert world.routes.route(route_id(world.plant, "long", 1))[3] == 64
