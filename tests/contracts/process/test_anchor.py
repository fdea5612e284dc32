"""Anchoring: the log of its owner, always growing."""

import pytest
from brownie import chain
from brownie.test import given, strategy
from hypothesis import settings
from hypothesis import strategies as st
from refusals import Refused, refusal
from world import event, plain

from chromatrace.domain.rights import Role

ROOT = b"\7" * 32


@pytest.fixture
def channel(world):
    return bytes(world.process.openChannel("line", {"from": world.gateway}).return_value)


def test_anchors(world, channel):
    tx = world.process.anchor(channel, 1000, ROOT, 5, 9, {"from": world.gateway})
    assert plain(world.process.channel(channel)) == (world.plant, 1000, chain[-1].timestamp, ROOT)
    assert event(tx, "LogAnchored") == {
        "channel": channel,
        "size": 1000,
        "root": ROOT,
        "firstTimeNs": 5,
        "lastTimeNs": 9,
        "by": world.gateway,
    }


@pytest.mark.parametrize("size", [0, 999, 1000])
def test_refuses_a_log_that_did_not_grow(world, channel, size):
    world.process.anchor(channel, 1000, ROOT, 5, 9, {"from": world.gateway})
    assert refusal(world.process.anchor, channel, size, ROOT, 9, 9, sender=world.gateway) == Refused(
        "LogSizeNotIncreased", channel=channel, size=size, anchoredSize=1000
    )


def test_refuses_an_empty_log(world, channel):
    assert refusal(world.process.anchor, channel, 0, ROOT, 1, 2, sender=world.gateway) == Refused(
        "LogSizeNotIncreased", channel=channel, size=0, anchoredSize=0
    )


@given(sizes=st.lists(strategy("uint64"), min_size=2, max_size=4))
@settings(max_examples=10)
def test_only_growing_sizes_are_taken(world, sizes):
    channel = bytes(world.process.openChannel("grows", {"from": world.gateway}).return_value)
    anchored = 0
    for size in sizes:
        if size > anchored:
            world.process.anchor(channel, size, ROOT, 1, 1, {"from": world.gateway})
            anchored = size
        else:
            assert refusal(world.process.anchor, channel, size, ROOT, 1, 1, sender=world.gateway) == Refused(
                "LogSizeNotIncreased", channel=channel, size=size, anchoredSize=anchored
            )


def test_refuses_an_empty_root(world, channel):
    assert refusal(world.process.anchor, channel, 1, b"\0" * 32, 1, 2, sender=world.gateway) == Refused(
        "EmptyRoot", channel=channel
    )


def test_refuses_times_out_of_order(world, channel):
    assert refusal(world.process.anchor, channel, 1, ROOT, 3, 2, sender=world.gateway) == Refused(
        "InvalidTimeRange", firstTimeNs=3, lastTimeNs=2
    )


def test_refuses_an_unknown_channel(world):
    unknown = bytes([9]) * 32
    assert refusal(world.process.anchor, unknown, 1, ROOT, 1, 2, sender=world.gateway) == Refused(
        "UnknownChannel", channel=unknown
    )


def test_refuses_another_organisations_gateway(world, channel):
    assert refusal(world.process.anchor, channel, 1, ROOT, 1, 2, sender=world.competitor) == Refused(
        "NotChannelOwner", channel=channel, organisation=world.plant, caller=world.rival
    )


def test_refuses_an_administrator(world, channel):
    assert refusal(world.process.anchor, channel, 1, ROOT, 1, 2, sender=world.administrator) == Refused(
        "MissingRole", operator=world.administrator, roles=Role.ADMIN, required=Role.GATEWAY
    )
