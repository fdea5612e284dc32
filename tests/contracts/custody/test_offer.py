"""Offering custody: a released batch, by its custodian, to another active organisation."""

import pytest
from brownie import chain
from refusals import Refused, refusal
from world import FOREVER, advance_to, batch_id, event, plain

from chromatrace.domain.rights import BatchState, Role


@pytest.fixture
def released(world):
    return world.bring_to(BatchState.RELEASED)


def refused(world, batch, to=None, valid_until=FOREVER, sender=None):
    return refusal(world.custody.offer, batch, to or world.shop, valid_until, sender=sender or world.logistics)


def test_offers(world, released):
    tx = world.custody.offer(released, world.shop, FOREVER, {"from": world.logistics})
    assert plain(world.custody.offerOf(released)) == (world.plant, world.shop, FOREVER)
    assert world.batch(released).custodian == world.plant
    assert event(tx, "CustodyOffered") == {
        "batch": released,
        "from": world.plant,
        "to": world.shop,
        "by": world.logistics,
        "validUntil": FOREVER,
    }


def test_refuses_an_operator_without_the_role(world, released):
    assert refused(world, released, sender=world.producer) == Refused(
        "MissingRole", operator=world.producer, roles=Role.PRODUCER, required=Role.LOGISTICS | Role.FRANCHISEE
    )


def test_refuses_who_does_not_hold_it(world, released):
    assert refused(world, released, world.plant, sender=world.franchisee) == Refused(
        "NotCustodian", batch=released, custodian=world.plant, caller=world.shop
    )


@pytest.mark.parametrize("state", [BatchState.REGISTERED, BatchState.ASSEMBLED, BatchState.GRADED])
def test_refuses_what_is_not_released(world, state):
    batch = world.bring_to(state)
    assert refused(world, batch) == Refused("NotReleased", batch=batch)


def test_refuses_an_unknown_batch(world):
    assert refused(world, batch_id("NONE")) == Refused("UnknownBatch", batch=batch_id("NONE"))


def test_refuses_a_batch_on_hold(world, released):
    world.registry.hold(released, "x", {"from": world.supervisor})
    assert refused(world, released) == Refused("BatchBlocked", batch=released, onHold=True, recalled=False)


def test_refuses_a_recalled_batch(world, released):
    world.registry.recall(released, "x", {"from": world.supervisor})
    assert refused(world, released) == Refused("BatchBlocked", batch=released, onHold=False, recalled=True)


def test_refuses_an_inactive_receiver(world, released):
    world.suspend(world.shop)
    assert refused(world, released) == Refused("ReceiverInactive", to=world.shop)
    assert refused(world, released, 99) == Refused("ReceiverInactive", to=99)


def test_refuses_itself(world, released):
    assert refused(world, released, world.plant) == Refused("ReceiverIsCustodian", to=world.plant)


def test_refuses_an_offer_that_has_ended_already(world, released):
    assert refused(world, released, valid_until=9) == Refused("OfferExpired", batch=released, validUntil=9)


def test_refuses_a_second_offer_until_the_first_has_ended(world, released):
    until = chain[-1].timestamp + 100
    world.custody.offer(released, world.shop, until, {"from": world.logistics})
    assert refused(world, released, world.rival) == Refused("OfferPending", batch=released, to=world.shop)
    advance_to(until + 1)
    world.custody.offer(released, world.rival, FOREVER, {"from": world.logistics})
    assert plain(world.custody.offerOf(released)) == (world.plant, world.rival, FOREVER)
