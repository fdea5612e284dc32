"""`ProcessLedger.succeedChannel`: a channel that a gateway ended is continued in a successor."""

import pytest
from environment import NONE, event, plain
from eth_abi import encode
from eth_utils import keccak
from reverts import Revert, revert_of

from chromatrace.domain.rights import Role

MAX_STEP = 2**32
ROOT = keccak(b"root")


@pytest.fixture
def channel(env):
    return bytes(env.process.openChannel("line", {"from": env.gateway}).return_value)


def succeed(env, channel, name="line, second log"):
    return env.process.succeedChannel(channel, name, {"from": env.administrator})


def test_a_gateway_cannot_end_a_channel_by_the_largest_size(env, channel):
    assert revert_of(env.process.anchor, channel, 2**64 - 1, ROOT, 0, 0, sender=env.gateway) == Revert(
        "StepTooLarge", channel=channel, step=2**64 - 1, maximum=MAX_STEP
    )


@pytest.mark.parametrize("before", [0, 7])
def test_the_step_is_bounded(env, channel, before):
    if before:
        env.process.anchor(channel, before, ROOT, 0, 0, {"from": env.gateway})
    assert revert_of(env.process.anchor, channel, before + MAX_STEP + 1, ROOT, 0, 0, sender=env.gateway) == Revert(
        "StepTooLarge", channel=channel, step=MAX_STEP + 1, maximum=MAX_STEP
    )
    env.process.anchor(channel, before + MAX_STEP, ROOT, 0, 0, {"from": env.gateway})
    assert env.process.channel(channel)[1] == before + MAX_STEP


def test_a_successor_takes_the_log_from_its_beginning(env, channel):
    env.process.anchor(channel, MAX_STEP, keccak(b"junk"), 0, 0, {"from": env.gateway})
    tx = succeed(env, channel)
    successor = keccak(encode(["uint32", "string"], [env.plant, "line, second log"]))
    assert bytes(tx.return_value) == successor == bytes(env.process.successorOf(channel))
    assert event(tx, "ChannelOpened") == {
        "channel": successor,
        "organisation": env.plant,
        "name": "line, second log",
        "by": env.administrator,
    }
    assert event(tx, "ChannelSucceeded") == {
        "channel": successor,
        "predecessor": channel,
        "by": env.administrator,
    }
    env.process.anchor(successor, 3, ROOT, 1, 2, {"from": env.gateway})
    assert plain(env.process.channel(successor))[:2] == (env.plant, 3)
    assert bytes(env.process.successorOf(successor)) == NONE


def test_a_closed_channel_keeps_its_head_and_takes_no_anchor(env, channel):
    env.process.anchor(channel, 5, ROOT, 0, 0, {"from": env.gateway})
    before = plain(env.process.channel(channel))
    successor = bytes(succeed(env, channel).return_value)
    assert plain(env.process.channel(channel)) == (*before[:3], True, ROOT)
    assert revert_of(env.process.anchor, channel, 6, ROOT, 0, 0, sender=env.gateway) == Revert(
        "ChannelClosed", channel=channel, successor=successor
    )


def test_a_channel_has_one_successor(env, channel):
    successor = bytes(succeed(env, channel).return_value)
    assert revert_of(env.process.succeedChannel, channel, "another", sender=env.administrator) == Revert(
        "ChannelClosed", channel=channel, successor=successor
    )
    succeed(env, successor, "another")


def test_a_successor_needs_a_free_name(env, channel):
    assert revert_of(env.process.succeedChannel, channel, "line", sender=env.administrator) == Revert(
        "ChannelAlreadyOpen", channel=channel
    )
    assert revert_of(env.process.succeedChannel, channel, "", sender=env.administrator) == Revert(
        "InvalidChannelName", length=0
    )


def test_only_an_administrator_of_the_owner_can_start_it(env, channel):
    assert revert_of(env.process.succeedChannel, channel, "x", sender=env.gateway) == Revert(
        "MissingRole", operator=env.gateway, roles=Role.GATEWAY, required=Role.ADMIN
    )
    assert revert_of(env.process.succeedChannel, channel, "x", sender=env.competitor) == Revert(
        "NotChannelOwner", channel=channel, organisation=env.plant, caller=env.rival
    )
    assert revert_of(env.process.succeedChannel, NONE, "x", sender=env.administrator) == Revert(
        "UnknownChannel", channel=NONE
    )
