"""`RouteVerifier.designRoute`."""

import pytest
from environment import event, plain
from reverts import Revert, revert_of
from stations import Stations, digest

from chromatrace.crypto.route import route_id
from chromatrace.domain.rights import Role, RouteKind

NAMES = ["sputter", "inspect", "assemble"]


@pytest.fixture
def stations(env):
    return Stations(env)


@pytest.fixture
def keys(stations):
    return stations.register("A", "B", "C")


def test_designs_two_versions_of_a_route(env, keys):
    for version, order in ((1, keys), (2, keys[::-1])):
        tx = env.routes.designRoute("pane", RouteKind.PROCESSING, True, order, NAMES, {"from": env.producer})
        expected = route_id(env.plant, "pane", version)
        assert event(tx, "RouteDesigned") == {
            "route": expected,
            "organisation": env.plant,
            "name": "pane",
            "version": version,
            "kind": RouteKind.PROCESSING,
            "requiresProof": True,
            "keys": tuple(order),
            "processes": tuple(NAMES),
            "by": env.producer,
        }
        assert plain(env.routes.route(expected)) == (env.plant, RouteKind.PROCESSING, True, 3, version)
        assert [bytes(key) for key in env.routes.keysOf(expected)] == order
        assert env.routes.requiresProof(expected)
        assert env.routes.versionOf(env.plant, "pane") == version
        assert bytes(env.routes.routeIdOf(env.plant, "pane", version)) == expected
    assert [bytes(key) for key in env.routes.keysOf(route_id(env.plant, "pane", 1))] == keys


def test_two_organisations_can_use_the_same_name(env, keys):
    for sender, owner in ((env.producer, env.plant), (env.competitor, env.rival)):
        env.routes.designRoute("pane", RouteKind.ASSEMBLY, False, keys[:1], NAMES[:1], {"from": sender})
        assert env.routes.versionOf(owner, "pane") == 1


def test_a_station_can_occur_twice(env, keys):
    order = [keys[0], keys[1], keys[0]]
    env.routes.designRoute("twice", RouteKind.PROCESSING, False, order, NAMES, {"from": env.producer})
    assert [bytes(key) for key in env.routes.keysOf(route_id(env.plant, "twice", 1))] == order


def test_views_of_an_unknown_route(env):
    route = digest("no route")
    assert revert_of(env.routes.requiresProof, route, sender=env.stranger) == Revert("UnknownRoute", route=route)
    assert not env.routes.isProven(digest("no route"), digest("batch"))
    assert plain(env.routes.route(digest("no route"))) == (0, 0, False, 0, 0)
    assert list(env.routes.keysOf(digest("no route"))) == []


def test_rejects_invalid_designs(env, keys):
    def revert_of_design(name="pane", kind=RouteKind.PROCESSING, order=None, names=NAMES, sender=None):
        order = keys if order is None else order
        return revert_of(env.routes.designRoute, name, kind, False, order, names, sender=sender or env.producer)

    assert revert_of_design(name="") == Revert("InvalidRouteName", length=0)
    assert revert_of_design(name="é" * 33) == Revert("InvalidRouteName", length=66)
    assert revert_of_design(kind=0) == Revert("InvalidRouteKind")
    assert revert_of_design(order=[], names=[]) == Revert("InvalidStepCount", steps=0, maximum=64)
    assert revert_of_design(order=keys[:1] * 65, names=["x"] * 65) == Revert("InvalidStepCount", steps=65, maximum=64)
    assert revert_of_design(names=NAMES[:2]).name == "LengthMismatch"
    assert revert_of_design(names=["a", "", "c"]) == Revert("InvalidProcessName", step=2, length=0)
    assert revert_of_design(order=[*keys[:2], digest("x")]) == Revert("UnknownStationKey", key=digest("x"))
    revert = revert_of_design(sender=env.gateway)
    assert (revert.name, revert.args["required"]) == ("MissingRole", Role.PRODUCER | Role.ADMIN)


def test_the_longest_route_fits_into_a_transaction(env, keys):
    names = [f"step {n}" for n in range(64)]
    tx = env.routes.designRoute("long", RouteKind.PROCESSING, False, keys[:1] * 64, names, {"from": env.producer})
    assert tx.gas_used < 2**24
    assert env.routes.route(route_id(env.plant, "long", 1))[3] == 64
