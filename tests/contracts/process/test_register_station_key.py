"""Keys of stations: whose, checked how, registered once."""

import pytest
from refusals import Refused, refusal
from stations import Stations, station
from world import event, plain

from chromatrace.crypto.eip2537 import words
from chromatrace.domain.rights import Role


@pytest.fixture
def stations(world):
    return Stations(world)


def test_registers_with_its_owner(world, stations):
    name, key, possession = stations.key_arguments("station 1")
    key_id = station("station 1", stations.verifier).key_id
    for sender in (world.gateway, world.administrator):
        assert world.routes.registerStationKey.call(name, key, possession, {"from": sender}).hex() == key_id.hex()
    tx = world.routes.registerStationKey(name, key, possession, {"from": world.gateway})
    assert event(tx, "StationKeyRegistered") == {
        "key": key_id,
        "organisation": world.plant,
        "name": name,
        "publicKey": key,
        "proofOfPossession": possession,
        "by": world.gateway,
    }
    assert plain(world.routes.stationKey(key_id)) == (world.plant, 0)


def test_refuses_the_same_key_again(world, stations):
    (key,) = stations.register("station 1")
    arguments = stations.key_arguments("station 1")
    expected = Refused("StationKeyAlreadyRegistered", key=key, organisation=world.plant)
    assert refusal(world.routes.registerStationKey, *arguments, sender=world.gateway) == expected


def test_refuses_another_organisation_s_possession(world, stations):
    """What the plant's station signed for the plant, a competitor cannot register as its own."""
    arguments = stations.key_arguments("station 1")
    key = station("station 1", stations.verifier).key_id
    expected = Refused("InvalidProofOfPossession", key=key, organisation=world.rival)
    assert refusal(world.routes.registerStationKey, *arguments, sender=world.competitor) == expected


def test_refuses_infinity(world, stations):
    name, _, possession = stations.key_arguments("station 1")
    refused = refusal(world.routes.registerStationKey, name, words(bytes(256)), possession, sender=world.gateway)
    assert refused == Refused("StationKeyAtInfinity")


def test_refuses_a_signature_that_is_no_possession(world, stations):
    name, key, _ = stations.key_arguments("station 1")
    other = stations.key_arguments("station 2")[2]
    key_id = station("station 1", stations.verifier).key_id
    refused = refusal(world.routes.registerStationKey, name, key, other, sender=world.gateway)
    assert refused == Refused("InvalidProofOfPossession", key=key_id, organisation=world.plant)


@pytest.mark.parametrize("length", [0, 65])
def test_refuses_names_out_of_bounds(world, stations, length):
    _, key, possession = stations.key_arguments("station 1")
    refused = refusal(world.routes.registerStationKey, "x" * length, key, possession, sender=world.gateway)
    assert refused == Refused("InvalidRouteName", length=length)


@pytest.mark.parametrize("who", ["producer", "logistics", "supervisor"])
def test_refuses_other_roles(world, stations, who):
    arguments = stations.key_arguments("station 1")
    refused = refusal(world.routes.registerStationKey, *arguments, sender=getattr(world, who))
    assert refused.name == "MissingRole"
    assert refused.args["required"] == Role.GATEWAY | Role.ADMIN


def test_refuses_strangers(world, stations):
    arguments = stations.key_arguments("station 1")
    refused = refusal(world.routes.registerStationKey, *arguments, sender=world.stranger)
    assert refused == Refused("UnknownOperator", operator=str(world.stranger))
