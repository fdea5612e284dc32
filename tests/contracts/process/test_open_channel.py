"""Opening a channel: named within its organisation, once."""

import pytest
from eth_abi import encode
from eth_utils import keccak
from refusals import Refused, refusal
from world import NONE, event, plain

from chromatrace.domain.rights import Role

NAME = "sputtering line 1"


@pytest.mark.parametrize("by", ["gateway", "administrator"])
def test_opens(world, by):
    sender = getattr(world, by)
    tx = world.process.openChannel(NAME, {"from": sender})
    channel = keccak(encode(["uint32", "string"], [world.plant, NAME]))
    assert bytes(tx.return_value) == channel == bytes(world.process.channelIdOf(world.plant, NAME))
    assert plain(world.process.channel(channel)) == (world.plant, 0, 0, NONE)
    assert event(tx, "ChannelOpened") == {
        "channel": channel,
        "organisation": world.plant,
        "name": NAME,
        "by": sender,
    }


def test_refuses_to_open_twice(world):
    tx = world.process.openChannel(NAME, {"from": world.gateway})
    assert refusal(world.process.openChannel, NAME, sender=world.gateway) == Refused(
        "ChannelAlreadyOpen", channel=bytes(tx.return_value)
    )


def test_two_organisations_may_use_one_name(world):
    tx = world.process.openChannel(NAME, {"from": world.gateway})
    other = world.process.openChannel(NAME, {"from": world.competitor})
    assert tx.return_value != other.return_value


@pytest.mark.parametrize("name", ["", "x" * 65, "é" * 33])
def test_refuses_a_name_of_wrong_length(world, name):
    assert refusal(world.process.openChannel, name, sender=world.gateway) == Refused(
        "InvalidChannelName", length=len(name.encode())
    )


def test_refuses_an_operator_without_the_role(world):
    assert refusal(world.process.openChannel, NAME, sender=world.producer) == Refused(
        "MissingRole", operator=world.producer, roles=Role.PRODUCER, required=Role.GATEWAY | Role.ADMIN
    )
