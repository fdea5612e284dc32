"""`RouteVerifier.registerStationKey`."""

import pytest
from environment import event, plain
from reverts import Revert, revert_of
from stations import Stations, station

from chromatrace.crypto.eip2537 import words
from chromatrace.domain.rights import Role


@pytest.fixture
def stations(env):
    return Stations(env)


def test_registers_a_key_of_the_callers_organisation(env, stations):
    name, key, possession = stations.key_arguments("station 1")
    key_id = station("station 1", stations.verifier).key_id
    for sender in (env.gateway, env.administrator):
        assert env.routes.registerStationKey.call(name, key, possession, {"from": sender}).hex() == key_id.hex()
    tx = env.routes.registerStationKey(name, key, possession, {"from": env.gateway})
    assert event(tx, "StationKeyRegistered") == {
        "key": key_id,
        "organisation": env.plant,
        "name": name,
        "publicKey": key,
        "proofOfPossession": possession,
        "by": env.gateway,
    }
    assert plain(env.routes.stationKey(key_id)) == (env.plant, 0)


def test_rejects_a_registered_key(env, stations):
    (key,) = stations.register("station 1")
    arguments = stations.key_arguments("station 1")
    expected = Revert("StationKeyAlreadyRegistered", key=key, organisation=env.plant)
    assert revert_of(env.routes.registerStationKey, *arguments, sender=env.gateway) == expected


def test_rejects_a_proof_of_possession_for_another_organisation(env, stations):
    """A competitor cannot register the key of the plant's station with the plant's proof of possession."""
    arguments = stations.key_arguments("station 1")
    key = station("station 1", stations.verifier).key_id
    expected = Revert("InvalidProofOfPossession", key=key, organisation=env.rival)
    assert revert_of(env.routes.registerStationKey, *arguments, sender=env.competitor) == expected


def test_rejects_infinity(env, stations):
    name, _, possession = stations.key_arguments("station 1")
    revert = revert_of(env.routes.registerStationKey, name, words(bytes(256)), possession, sender=env.gateway)
    assert revert == Revert("StationKeyAtInfinity")


def test_rejects_the_proof_of_possession_of_another_key(env, stations):
    name, key, _ = stations.key_arguments("station 1")
    other = stations.key_arguments("station 2")[2]
    key_id = station("station 1", stations.verifier).key_id
    revert = revert_of(env.routes.registerStationKey, name, key, other, sender=env.gateway)
    assert revert == Revert("InvalidProofOfPossession", key=key_id, organisation=env.plant)


@pytest.mark.parametrize("length", [0, 65])
def test_rejects_names_out_of_bounds(env, stations, length):
    _, key, possession = stations.key_arguments("station 1")
    revert = revert_of(env.routes.registerStationKey, "x" * length, key, possession, sender=env.gateway)
    assert revert == Revert("InvalidRouteName", length=length)


@pytest.mark.parametrize("who", ["producer", "logistics", "supervisor"])
def test_rejects_other_roles(env, stations, who):
    arguments = stations.key_arguments("station 1")
    revert = revert_of(env.routes.registerStationKey, *arguments, sender=getattr(env, who))
    assert revert.name == "MissingRole"
    assert revert.args["required"] == Role.GATEWAY | Role.ADMIN


def test_rejects_an_account_that_is_not_an_operator(env, stations):
    arguments = stations.key_arguments("station 1")
    revert = revert_of(env.routes.registerStationKey, *arguments, sender=env.stranger)
    assert revert == Revert("UnknownOperator", operator=str(env.stranger))
