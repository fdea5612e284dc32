"""`RouteVerifier.revokeStationKey`."""

import pytest
from brownie import chain
from environment import advance_to, event, plain
from reverts import Revert, revert_of
from stations import Stations, digest

SUBJECT = digest("batch")


@pytest.fixture
def stations(env):
    return Stations(env)


@pytest.fixture
def line(stations):
    return stations.line(2)


@pytest.fixture
def key(line):
    return line.design.stations[1].key_id


def test_rejects_proofs_from_the_time_of_revocation(env, stations, line, key):
    stations.prove(line, digest("before"))
    revoked_from = chain[-1].timestamp + 500
    tx = env.routes.revokeStationKey(key, revoked_from, {"from": env.administrator})
    assert event(tx, "StationKeyRevoked") == {"key": key, "revokedFrom": revoked_from, "by": env.administrator}
    assert plain(env.routes.stationKey(key)) == (env.plant, revoked_from)
    stations.prove(line, digest("between"))
    advance_to(revoked_from)
    expected = Revert("StationKeyIsRevoked", key=key, revokedFrom=revoked_from)
    arguments = stations.proof(line, SUBJECT)
    assert revert_of(env.routes.proveRoute, line.design.route, *arguments, sender=env.producer) == expected
    proofs = ([arguments[0]], arguments[1])
    assert revert_of(env.routes.proveRoutes, line.design.route, *proofs, sender=env.producer) == expected
    assert revert_of(env.routes.designRoute, "x", 1, False, [key], ["x"], sender=env.producer) == expected
    assert env.routes.isProven(line.design.route, digest("before"))


def test_a_route_without_the_key_can_still_be_proven(env, stations, line, key):
    other = stations.line(2, name="frame")
    now = chain[-1].timestamp
    env.routes.revokeStationKey(key, now + 10, {"from": env.gateway})
    advance_to(now + 20)
    stations.prove(other, SUBJECT)
    assert env.routes.isProven(other.design.route, SUBJECT)


def test_a_revocation_can_be_brought_forward_but_not_postponed(env, line, key):
    now = chain[-1].timestamp
    revoke = env.routes.revokeStationKey
    revoke(key, now + 1000, {"from": env.gateway})
    for revoked_from in (now + 1000, now + 2000):
        expected = Revert("StationKeyIsRevoked", key=key, revokedFrom=now + 1000)
        assert revert_of(revoke, key, revoked_from, sender=env.gateway) == expected
    revoke(key, now + 500, {"from": env.gateway})
    assert plain(env.routes.stationKey(key)) == (env.plant, now + 500)


def test_rejects_a_revocation_in_the_past(env, key):
    past = chain[-1].timestamp - 1
    expected = Revert("RevocationInThePast", revokedFrom=past)
    assert revert_of(env.routes.revokeStationKey, key, past, sender=env.gateway) == expected


def test_requires_the_owner_of_the_key(env, key):
    revoked_from = chain[-1].timestamp + 100
    expected = Revert("NotStationKeyOwner", key=key, owner=env.plant, caller=env.rival)
    assert revert_of(env.routes.revokeStationKey, key, revoked_from, sender=env.competitor) == expected
    assert revert_of(env.routes.revokeStationKey, key, revoked_from, sender=env.producer).name == "MissingRole"
    unknown = digest("no key")
    expected = Revert("UnknownStationKey", key=unknown)
    assert revert_of(env.routes.revokeStationKey, unknown, revoked_from, sender=env.gateway) == expected
