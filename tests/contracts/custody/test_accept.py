"""Accepting custody: only the receiver, only while nothing stops the batch."""

import pytest
from brownie import chain
from refusals import Refused, refusal
from world import FOREVER, advance_to, event, plain

from chromatrace.domain.rights import BatchState, Role

NO_OFFER = (0, 0, 0)


@pytest.fixture
def offered(world):
    batch = world.bring_to(BatchState.RELEASED)
    world.custody.offer(batch, world.shop, FOREVER, {"from": world.logistics})
    return batch


def test_accepts(world, offered):
    tx = world.custody.accept(offered, {"from": world.franchisee})
    assert world.batch(offered).custodian == world.shop
    assert plain(world.custody.offerOf(offered)) == NO_OFFER
    assert event(tx, "CustodyAccepted") == {
        "batch": offered,
        "from": world.plant,
        "to": world.shop,
        "by": world.franchisee,
    }


def test_refuses_to_accept_twice(world, offered):
    world.custody.accept(offered, {"from": world.franchisee})
    assert refusal(world.custody.accept, offered, sender=world.franchisee) == Refused("NoOffer", batch=offered)


def test_refuses_another_organisation(world, offered):
    assert refusal(world.custody.accept, offered, sender=world.competitor) == Refused(
        "NotOfferedTo", batch=offered, to=world.shop, caller=world.rival
    )


def test_refuses_an_operator_without_the_role(world, offered):
    world.appoint(world.franchisee, world.shop, Role.ADMIN)
    assert refusal(world.custody.accept, offered, sender=world.franchisee) == Refused(
        "MissingRole", operator=world.franchisee, roles=Role.ADMIN, required=Role.LOGISTICS | Role.FRANCHISEE
    )


def test_refuses_an_ended_offer(world):
    batch = world.bring_to(BatchState.RELEASED)
    until = chain[-1].timestamp + 60
    world.custody.offer(batch, world.shop, until, {"from": world.logistics})
    advance_to(until + 1)
    assert refusal(world.custody.accept, batch, sender=world.franchisee) == Refused(
        "OfferExpired", batch=batch, validUntil=until
    )


@pytest.mark.parametrize(("verb", "held", "recalled"), [("hold", True, False), ("recall", False, True)])
def test_refuses_what_was_stopped_since_the_offer(world, offered, verb, held, recalled):
    getattr(world.registry, verb)(offered, "x", {"from": world.supervisor})
    assert refusal(world.custody.accept, offered, sender=world.franchisee) == Refused(
        "BatchBlocked", batch=offered, onHold=held, recalled=recalled
    )


def test_refuses_an_offer_of_a_suspended_organisation(world, offered):
    world.suspend(world.plant)
    assert refusal(world.custody.accept, offered, sender=world.franchisee) == Refused(
        "SenderInactive", **{"from": world.plant}
    )


def test_refuses_a_suspended_receiver(world, offered):
    world.suspend(world.shop)
    assert refusal(world.custody.accept, offered, sender=world.franchisee) == Refused(
        "OrganisationInactive", organisation=world.shop
    )


@pytest.mark.parametrize("held", [False, True])
def test_a_recalled_batch_goes_home_on_hold_or_not(world, offered, held):
    world.custody.accept(offered, {"from": world.franchisee})
    if held:
        world.registry.hold(offered, "x", {"from": world.supervisor})
    world.registry.recall(offered, "x", {"from": world.supervisor})
    assert refusal(world.custody.offer, offered, world.rival, FOREVER, sender=world.franchisee) == Refused(
        "BatchBlocked", batch=offered, onHold=held, recalled=True
    )
    world.hand_over(offered, world.plant, world.franchisee, world.logistics)
    assert world.batch(offered).custodian == world.plant
