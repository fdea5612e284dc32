"""`ProcessLedger.openChannel`."""

import pytest
from environment import NONE, event, plain
from eth_abi import encode
from eth_utils import keccak
from reverts import Revert, revert_of

from chromatrace.domain.rights import Role

NAME = "sputtering line 1"


@pytest.mark.parametrize("by", ["gateway", "administrator"])
def test_opens_a_channel(env, by):
    sender = getattr(env, by)
    tx = env.process.openChannel(NAME, {"from": sender})
    channel = keccak(encode(["uint32", "string"], [env.plant, NAME]))
    assert bytes(tx.return_value) == channel == bytes(env.process.channelIdOf(env.plant, NAME))
    assert plain(env.process.channel(channel)) == (env.plant, 0, 0, False, NONE)
    assert event(tx, "ChannelOpened") == {
        "channel": channel,
        "organisation": env.plant,
        "name": NAME,
        "by": sender,
    }


def test_rejects_an_open_channel(env):
    tx = env.process.openChannel(NAME, {"from": env.gateway})
    assert revert_of(env.process.openChannel, NAME, sender=env.gateway) == Revert(
        "ChannelAlreadyOpen", channel=bytes(tx.return_value)
    )


def test_two_organisations_can_use_the_same_name(env):
    tx = env.process.openChannel(NAME, {"from": env.gateway})
    other = env.process.openChannel(NAME, {"from": env.competitor})
    assert tx.return_value != other.return_value


@pytest.mark.parametrize("name", ["", "x" * 65, "é" * 33])
def test_rejects_a_name_of_invalid_length(env, name):
    assert revert_of(env.process.openChannel, name, sender=env.gateway) == Revert(
        "InvalidChannelName", length=len(name.encode())
    )


def test_rejects_an_operator_without_the_role(env):
    assert revert_of(env.process.openChannel, NAME, sender=env.producer) == Revert(
        "MissingRole", operator=env.producer, roles=Role.PRODUCER, required=Role.GATEWAY | Role.ADMIN
    )
