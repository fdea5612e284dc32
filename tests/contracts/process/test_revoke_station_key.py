"""Revoking: by the owner, from a time on, brought forward and never put off."""

import pytest
from brownie import chain
from refusals import Refused, refusal
from stations import Stations, digest
from world import advance_to, event, plain

SUBJECT = digest("batch")


@pytest.fixture
def stations(world):
    return Stations(world)


@pytest.fixture
def line(stations):
    return stations.line(2)


@pytest.fixture
def key(line):
    return line.design.stations[1].key_id


def test_from_its_time_on_nothing_more_is_proven(world, stations, line, key):
    stations.prove(line, digest("before"))
    begin = chain[-1].timestamp + 500
    tx = world.routes.revokeStationKey(key, begin, {"from": world.administrator})
    assert event(tx, "StationKeyRevoked") == {"key": key, "revokedFrom": begin, "by": world.administrator}
    assert plain(world.routes.stationKey(key)) == (world.plant, begin)
    stations.prove(line, digest("between"))
    advance_to(begin)
    expected = Refused("StationKeyIsRevoked", key=key, revokedFrom=begin)
    arguments = stations.proof(line, SUBJECT)
    assert refusal(world.routes.proveRoute, line.design.route, *arguments, sender=world.producer) == expected
    proofs = ([arguments[0]], arguments[1])
    assert refusal(world.routes.proveRoutes, line.design.route, *proofs, sender=world.producer) == expected
    assert refusal(world.routes.designRoute, "x", 1, False, [key], ["x"], sender=world.producer) == expected
    assert world.routes.isProven(line.design.route, digest("before"))


def test_a_route_without_the_key_goes_on(world, stations, line, key):
    other = stations.line(2, name="frame")
    now = chain[-1].timestamp
    world.routes.revokeStationKey(key, now + 10, {"from": world.gateway})
    advance_to(now + 20)
    stations.prove(other, SUBJECT)
    assert world.routes.isProven(other.design.route, SUBJECT)


def test_brought_forward_never_put_off(world, line, key):
    now = chain[-1].timestamp
    revoke = world.routes.revokeStationKey
    revoke(key, now + 1000, {"from": world.gateway})
    for begin in (now + 1000, now + 2000):
        expected = Refused("StationKeyIsRevoked", key=key, revokedFrom=now + 1000)
        assert refusal(revoke, key, begin, sender=world.gateway) == expected
    revoke(key, now + 500, {"from": world.gateway})
    assert plain(world.routes.stationKey(key)) == (world.plant, now + 500)


def test_not_in_the_past(world, key):
    past = chain[-1].timestamp - 1
    expected = Refused("RevocationInThePast", revokedFrom=past)
    assert refusal(world.routes.revokeStationKey, key, past, sender=world.gateway) == expected


def test_by_its_owner_only(world, key):
    begin = chain[-1].timestamp + 100
    expected = Refused("NotStationKeyOwner", key=key, owner=world.plant, caller=world.rival)
    assert refusal(world.routes.revokeStationKey, key, begin, sender=world.competitor) == expected
    assert refusal(world.routes.revokeStationKey, key, begin, sender=world.producer).name == "MissingRole"
    unknown = digest("no key")
    expected = Refused("UnknownStationKey", key=unknown)
    assert refusal(world.routes.revokeStationKey, unknown, begin, sender=world.gateway) == expected
