"""`CustodyLedger.reject` and `CustodyLedger.withdraw`: the custodian stays the same."""

import pytest
from environment import FOREVER, event, plain
from reverts import Revert, revert_of

from chromatrace.domain.rights import BatchState

NO_OFFER = (0, 0, 0)


@pytest.fixture
def offered(env):
    batch = env.batch_in_state(BatchState.RELEASED)
    env.custody.offer(batch, env.shop, FOREVER, {"from": env.logistics})
    return batch


def test_rejects_an_offer(env, offered):
    tx = env.custody.reject(offered, "two crates are broken", {"from": env.franchisee})
    assert env.batch(offered).custodian == env.plant
    assert plain(env.custody.offerOf(offered)) == NO_OFFER
    assert event(tx, "CustodyRejected") == {
        "batch": offered,
        "from": env.plant,
        "to": env.shop,
        "by": env.franchisee,
        "reason": "two crates are broken",
    }


def test_only_the_receiver_can_reject(env, offered):
    assert revert_of(env.custody.reject, offered, "x", sender=env.logistics) == Revert(
        "NotOfferedTo", batch=offered, to=env.shop, caller=env.plant
    )


def test_rejects_a_batch_without_an_offer(env):
    batch = env.batch_in_state(BatchState.RELEASED)
    assert revert_of(env.custody.reject, batch, "x", sender=env.franchisee) == Revert("NoOffer", batch=batch)
    assert revert_of(env.custody.withdraw, batch, sender=env.logistics) == Revert("NoOffer", batch=batch)


def test_withdraws_an_offer(env, offered):
    tx = env.custody.withdraw(offered, {"from": env.logistics})
    assert plain(env.custody.offerOf(offered)) == NO_OFFER
    assert event(tx, "CustodyOfferWithdrawn") == {
        "batch": offered,
        "from": env.plant,
        "to": env.shop,
        "by": env.logistics,
    }
    assert revert_of(env.custody.accept, offered, sender=env.franchisee) == Revert("NoOffer", batch=offered)


def test_only_the_offering_organisation_can_withdraw(env, offered):
    assert revert_of(env.custody.withdraw, offered, sender=env.franchisee) == Revert(
        "NotCustodian", batch=offered, custodian=env.plant, caller=env.shop
    )
