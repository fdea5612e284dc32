"""`ProcessLedger.anchor`."""

import pytest
from brownie import chain
from brownie.test import given, strategy
from environment import event, plain
from hypothesis import settings
from hypothesis import strategies as st
from reverts import Revert, revert_of

from chromatrace.domain.rights import Role

ROOT = b"\7" * 32


@pytest.fixture
def channel(env):
    return bytes(env.process.openChannel("line", {"from": env.gateway}).return_value)


def test_anchors_a_tree_head(env, channel):
    tx = env.process.anchor(channel, 1000, ROOT, 5, 9, {"from": env.gateway})
    assert plain(env.process.channel(channel)) == (env.plant, 1000, chain[-1].timestamp, False, ROOT)
    assert event(tx, "LogAnchored") == {
        "channel": channel,
        "size": 1000,
        "root": ROOT,
        "firstTimeNs": 5,
        "lastTimeNs": 9,
        "by": env.gateway,
    }


@pytest.mark.parametrize("size", [0, 999, 1000])
def test_rejects_a_size_that_does_not_increase(env, channel, size):
    env.process.anchor(channel, 1000, ROOT, 5, 9, {"from": env.gateway})
    assert revert_of(env.process.anchor, channel, size, ROOT, 9, 9, sender=env.gateway) == Revert(
        "LogSizeNotIncreased", channel=channel, size=size, anchoredSize=1000
    )


def test_rejects_an_empty_log(env, channel):
    assert revert_of(env.process.anchor, channel, 0, ROOT, 1, 2, sender=env.gateway) == Revert(
        "LogSizeNotIncreased", channel=channel, size=0, anchoredSize=0
    )


@given(sizes=st.lists(strategy("uint32"), min_size=2, max_size=4))
@settings(max_examples=10)
def test_accepts_only_increasing_sizes(env, sizes):
    channel = bytes(env.process.openChannel("grows", {"from": env.gateway}).return_value)
    anchored = 0
    for size in sizes:
        if size > anchored:
            env.process.anchor(channel, size, ROOT, 1, 1, {"from": env.gateway})
            anchored = size
        else:
            assert revert_of(env.process.anchor, channel, size, ROOT, 1, 1, sender=env.gateway) == Revert(
                "LogSizeNotIncreased", channel=channel, size=size, anchoredSize=anchored
            )


def test_rejects_an_empty_root(env, channel):
    assert revert_of(env.process.anchor, channel, 1, b"\0" * 32, 1, 2, sender=env.gateway) == Revert(
        "EmptyRoot", channel=channel
    )


def test_rejects_an_invalid_time_range(env, channel):
    assert revert_of(env.process.anchor, channel, 1, ROOT, 3, 2, sender=env.gateway) == Revert(
        "InvalidTimeRange", firstTimeNs=3, lastTimeNs=2
    )


def test_rejects_an_unknown_channel(env):
    unknown = bytes([9]) * 32
    assert revert_of(env.process.anchor, unknown, 1, ROOT, 1, 2, sender=env.gateway) == Revert(
        "UnknownChannel", channel=unknown
    )


def test_rejects_a_gateway_of_another_organisation(env, channel):
    assert revert_of(env.process.anchor, channel, 1, ROOT, 1, 2, sender=env.competitor) == Revert(
        "NotChannelOwner", channel=channel, organisation=env.plant, caller=env.rival
    )


def test_rejects_an_administrator(env, channel):
    assert revert_of(env.process.anchor, channel, 1, ROOT, 1, 2, sender=env.administrator) == Revert(
        "MissingRole", operator=env.administrator, roles=Role.ADMIN, required=Role.GATEWAY
    )
