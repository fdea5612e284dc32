"""`CustodyLedger.offer`."""

import pytest
from brownie import chain
from environment import FOREVER, advance_to, batch_id, event, plain
from reverts import Revert, revert_of

from chromatrace.domain.rights import BatchState, Role, SalesChannel


@pytest.fixture
def released(env):
    return env.batch_in_state(BatchState.RELEASED)


def revert_of_offer(env, batch, to=None, valid_until=FOREVER, sender=None):
    return revert_of(env.custody.offer, batch, to or env.shop, valid_until, sender=sender or env.logistics)


def test_offers_a_batch(env, released):
    tx = env.custody.offer(released, env.shop, FOREVER, {"from": env.logistics})
    assert plain(env.custody.offerOf(released)) == (env.plant, env.shop, FOREVER)
    assert env.batch(released).custodian == env.plant
    assert event(tx, "CustodyOffered") == {
        "batch": released,
        "from": env.plant,
        "to": env.shop,
        "by": env.logistics,
        "validUntil": FOREVER,
    }


def test_rejects_an_operator_without_the_role(env, released):
    assert revert_of_offer(env, released, sender=env.producer) == Revert(
        "MissingRole", operator=env.producer, roles=Role.PRODUCER, required=Role.LOGISTICS | Role.FRANCHISEE
    )


def test_rejects_an_organisation_that_is_not_the_custodian(env, released):
    assert revert_of_offer(env, released, env.plant, sender=env.franchisee) == Revert(
        "NotCustodian", batch=released, custodian=env.plant, caller=env.shop
    )


@pytest.mark.parametrize("state", [BatchState.REGISTERED, BatchState.ASSEMBLED, BatchState.GRADED])
def test_rejects_a_batch_that_is_not_released(env, state):
    batch = env.batch_in_state(state)
    assert revert_of_offer(env, batch) == Revert("NotReleased", batch=batch)


@pytest.mark.parametrize(
    ("graded", "released", "missing"),
    [
        ((200, 40, 10), SalesChannel.STANDARD, SalesChannel.DEFECTIVE),
        ((200, 40, 10), SalesChannel.DEFECTIVE, SalesChannel.STANDARD),
    ],
)
def test_rejects_a_batch_with_unreleased_units(env, graded, released, missing):
    batch = env.batch_in_state(BatchState.GRADED, graded=graded)
    env.registry.release(batch, released, {"from": env.producer})
    assert revert_of_offer(env, batch) == Revert("UnreleasedUnits", batch=batch, channel=missing)
    env.registry.release(batch, missing, {"from": env.producer})
    env.custody.offer(batch, env.shop, FOREVER, {"from": env.logistics})


def test_rejects_a_batch_whose_units_are_all_used(env, released):
    env.register("C1", inputs=((released, 247),))
    env.custody.offer(released, env.shop, FOREVER, {"from": env.logistics})
    env.register("C2", inputs=((released, 1),))
    assert revert_of(env.custody.accept, released, sender=env.franchisee) == Revert("AllUnitsUsed", batch=released)
    env.custody.withdraw(released, {"from": env.logistics})
    assert revert_of_offer(env, released) == Revert("AllUnitsUsed", batch=released)


def test_rejects_an_unknown_batch(env):
    assert revert_of_offer(env, batch_id("NONE")) == Revert("UnknownBatch", batch=batch_id("NONE"))


def test_rejects_a_batch_on_hold(env, released):
    env.registry.hold(released, "x", {"from": env.supervisor})
    assert revert_of_offer(env, released) == Revert("BatchBlocked", batch=released, onHold=True, recalled=False)


def test_rejects_a_recalled_batch(env, released):
    env.registry.recall(released, "x", {"from": env.supervisor})
    assert revert_of_offer(env, released) == Revert("BatchBlocked", batch=released, onHold=False, recalled=True)


def test_rejects_an_inactive_receiver(env, released):
    env.suspend(env.shop)
    assert revert_of_offer(env, released) == Revert("ReceiverInactive", to=env.shop)
    assert revert_of_offer(env, released, 99) == Revert("ReceiverInactive", to=99)


def test_rejects_the_custodian_as_receiver(env, released):
    assert revert_of_offer(env, released, env.plant) == Revert("ReceiverIsCustodian", to=env.plant)


def test_rejects_an_expiry_in_the_past(env, released):
    assert revert_of_offer(env, released, valid_until=9) == Revert("OfferExpired", batch=released, validUntil=9)


def test_rejects_a_second_offer_until_the_first_expires(env, released):
    until = chain[-1].timestamp + 100
    env.custody.offer(released, env.shop, until, {"from": env.logistics})
    assert revert_of_offer(env, released, env.rival) == Revert("OfferPending", batch=released, to=env.shop)
    advance_to(until + 1)
    env.custody.offer(released, env.rival, FOREVER, {"from": env.logistics})
    assert plain(env.custody.offerOf(released)) == (env.plant, env.rival, FOREVER)
