"""`CustodyLedger.accept`."""

import pytest
from brownie import chain
from environment import FOREVER, advance_to, event, plain
from reverts import Revert, revert_of

from chromatrace.domain.rights import BatchState, Role

NO_OFFER = (0, 0, 0)


@pytest.fixture
def offered(env):
    batch = env.batch_in_state(BatchState.RELEASED)
    env.custody.offer(batch, env.shop, FOREVER, {"from": env.logistics})
    return batch


def test_accepts_an_offer(env, offered):
    tx = env.custody.accept(offered, {"from": env.franchisee})
    assert env.batch(offered).custodian == env.shop
    assert plain(env.custody.offerOf(offered)) == NO_OFFER
    assert event(tx, "CustodyAccepted") == {
        "batch": offered,
        "from": env.plant,
        "to": env.shop,
        "by": env.franchisee,
    }


def test_rejects_an_accepted_offer(env, offered):
    env.custody.accept(offered, {"from": env.franchisee})
    assert revert_of(env.custody.accept, offered, sender=env.franchisee) == Revert("NoOffer", batch=offered)


def test_rejects_an_organisation_without_an_offer(env, offered):
    assert revert_of(env.custody.accept, offered, sender=env.competitor) == Revert(
        "NotOfferedTo", batch=offered, to=env.shop, caller=env.rival
    )


def test_rejects_an_operator_without_the_role(env, offered):
    env.appoint(env.franchisee, env.shop, Role.ADMIN)
    assert revert_of(env.custody.accept, offered, sender=env.franchisee) == Revert(
        "MissingRole", operator=env.franchisee, roles=Role.ADMIN, required=Role.LOGISTICS | Role.FRANCHISEE
    )


def test_rejects_an_expired_offer(env):
    batch = env.batch_in_state(BatchState.RELEASED)
    until = chain[-1].timestamp + 60
    env.custody.offer(batch, env.shop, until, {"from": env.logistics})
    advance_to(until + 1)
    assert revert_of(env.custody.accept, batch, sender=env.franchisee) == Revert(
        "OfferExpired", batch=batch, validUntil=until
    )


@pytest.mark.parametrize(("function", "held", "recalled"), [("hold", True, False), ("recall", False, True)])
def test_rejects_a_batch_blocked_after_the_offer(env, offered, function, held, recalled):
    getattr(env.registry, function)(offered, "x", {"from": env.supervisor})
    assert revert_of(env.custody.accept, offered, sender=env.franchisee) == Revert(
        "BatchBlocked", batch=offered, onHold=held, recalled=recalled
    )


def test_rejects_an_offer_of_a_suspended_organisation(env, offered):
    env.suspend(env.plant)
    assert revert_of(env.custody.accept, offered, sender=env.franchisee) == Revert(
        "SenderInactive", **{"from": env.plant}
    )


def test_rejects_a_suspended_receiver(env, offered):
    env.suspend(env.shop)
    assert revert_of(env.custody.accept, offered, sender=env.franchisee) == Revert(
        "OrganisationInactive", organisation=env.shop
    )


@pytest.mark.parametrize("held", [False, True])
def test_the_producer_can_accept_a_recalled_batch(env, offered, held):
    env.custody.accept(offered, {"from": env.franchisee})
    if held:
        env.registry.hold(offered, "x", {"from": env.supervisor})
    env.registry.recall(offered, "x", {"from": env.supervisor})
    assert revert_of(env.custody.offer, offered, env.rival, FOREVER, sender=env.franchisee) == Revert(
        "BatchBlocked", batch=offered, onHold=held, recalled=True
    )
    env.transfer(offered, env.plant, env.franchisee, env.logistics)
    assert env.batch(offered).custodian == env.plant
