"""Refusing and withdrawing: the batch stays where it is."""

import pytest
from refusals import Refused, refusal
from world import FOREVER, event, plain

from chromatrace.domain.rights import BatchState

NO_OFFER = (0, 0, 0)


@pytest.fixture
def offered(world):
    batch = world.bring_to(BatchState.RELEASED)
    world.custody.offer(batch, world.shop, FOREVER, {"from": world.logistics})
    return batch


def test_refuses(world, offered):
    tx = world.custody.reject(offered, "two crates are broken", {"from": world.franchisee})
    assert world.batch(offered).custodian == world.plant
    assert plain(world.custody.offerOf(offered)) == NO_OFFER
    assert event(tx, "CustodyRejected") == {
        "batch": offered,
        "from": world.plant,
        "to": world.shop,
        "by": world.franchisee,
        "reason": "two crates are broken",
    }


def test_only_the_receiver_refuses(world, offered):
    assert refusal(world.custody.reject, offered, "x", sender=world.logistics) == Refused(
        "NotOfferedTo", batch=offered, to=world.shop, caller=world.plant
    )


def test_there_must_be_an_offer(world):
    batch = world.bring_to(BatchState.RELEASED)
    assert refusal(world.custody.reject, batch, "x", sender=world.franchisee) == Refused("NoOffer", batch=batch)
    assert refusal(world.custody.withdraw, batch, sender=world.logistics) == Refused("NoOffer", batch=batch)


def test_withdraws(world, offered):
    tx = world.custody.withdraw(offered, {"from": world.logistics})
    assert plain(world.custody.offerOf(offered)) == NO_OFFER
    assert event(tx, "CustodyOfferWithdrawn") == {
        "batch": offered,
        "from": world.plant,
        "to": world.shop,
        "by": world.logistics,
    }
    assert refusal(world.custody.accept, offered, sender=world.franchisee) == Refused("NoOffer", batch=offered)


def test_only_the_giver_withdraws(world, offered):
    assert refusal(world.custody.withdraw, offered, sender=world.franchisee) == Refused(
        "NotCustodian", batch=offered, custodian=world.plant, caller=world.shop
    )
