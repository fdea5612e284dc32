"""`CustodyLedger.orderReturn`: a batch returns to its producer without its custodian."""

import pytest
from environment import FOREVER, NONE, batch_id, event, plain
from reverts import Revert, revert_of

from chromatrace.domain.rights import BatchState, HoldKind, Role


@pytest.fixture
def sold(env):
    batch = env.batch_in_state(BatchState.RELEASED)
    env.transfer(batch, env.shop, env.logistics, env.franchisee)
    return batch


@pytest.mark.parametrize("by", ["logistics", "supervisor", "official"])
@pytest.mark.parametrize("blocked", [None, "hold", "recall"])
def test_returns_a_batch_of_a_suspended_custodian(env, sold, by, blocked):
    if blocked:
        getattr(env.registry, blocked)(sold, "danger", {"from": env.official})
    env.suspend(env.shop)
    sender = getattr(env, by)
    tx = env.custody.orderReturn(sold, "the shop is closed", {"from": sender})
    assert env.batch(sold).custodian == env.plant
    assert event(tx, "CustodyReturnOrdered") == {
        "batch": sold,
        "from": env.shop,
        "to": env.plant,
        "by": sender,
        "reason": "the shop is closed",
    }
    assert event(tx, "CustodyTransferred") == {"batch": sold, "from": env.shop, "to": env.plant}


def test_an_authority_returns_a_recalled_batch_of_an_active_custodian(env, sold):
    env.registry.recall(sold, "danger", {"from": env.supervisor})
    assert revert_of(env.custody.orderReturn, sold, "x", sender=env.supervisor) == Revert(
        "CustodianActive", batch=sold, custodian=env.shop
    )
    env.custody.orderReturn(sold, "danger", {"from": env.official})
    assert env.batch(sold).custodian == env.plant


def test_an_authority_returns_a_recalled_batch_to_a_suspended_producer(env, sold):
    env.registry.recall(sold, "danger", {"from": env.official})
    env.suspend(env.plant)
    env.custody.orderReturn(sold, "danger", {"from": env.official})
    assert env.batch(sold).custodian == env.plant


def test_the_open_offer_of_the_custodian_ends(env, sold):
    env.custody.offer(sold, env.rival, FOREVER, {"from": env.franchisee})
    env.suspend(env.shop)
    tx = env.custody.orderReturn(sold, "x", {"from": env.logistics})
    assert event(tx, "CustodyOfferWithdrawn") == {
        "batch": sold,
        "from": env.shop,
        "to": env.rival,
        "by": env.logistics,
    }
    assert plain(env.custody.offerOf(sold)) == (0, 0, 0)
    env.consortium.reinstateOrganisation(env.shop, {"from": env.registrar})
    assert revert_of(env.custody.accept, sold, sender=env.competitor) == Revert("NoOffer", batch=sold)


@pytest.mark.parametrize("by", ["supervisor", "official"])
def test_rejects_an_active_custodian(env, sold, by):
    env.registry.hold(sold, "danger", {"from": env.official})
    assert revert_of(env.custody.orderReturn, sold, "x", sender=getattr(env, by)) == Revert(
        "CustodianActive", batch=sold, custodian=env.shop
    )


def test_rejects_another_organisation(env, sold):
    env.suspend(env.shop)
    assert revert_of(env.custody.orderReturn, sold, "x", sender=env.competitor) == Revert(
        "ReturnNotPermitted", batch=sold, caller=env.rival
    )


def test_rejects_a_batch_that_its_producer_holds(env):
    batch = env.batch_in_state(BatchState.RELEASED)
    assert revert_of(env.custody.orderReturn, batch, "x", sender=env.official) == Revert(
        "ReceiverIsCustodian", to=env.plant
    )


def test_rejects_an_unknown_batch_and_an_operator_without_the_role(env, sold):
    assert revert_of(env.custody.orderReturn, batch_id("NONE"), "x", sender=env.official) == Revert(
        "UnknownBatch", batch=batch_id("NONE")
    )
    assert revert_of(env.custody.orderReturn, NONE, "x", sender=env.producer) == Revert(
        "MissingRole", operator=env.producer, roles=Role.PRODUCER, required=Role.LOGISTICS | Role.SUPERVISOR
    )


def test_an_authority_without_the_role_supervisor_has_no_special_right(env, sold):
    env.consortium.changeOrganisation(env.authority, Role.LOGISTICS | Role.SUPERVISOR, FOREVER, {"from": env.registrar})
    env.appoint(env.stranger, env.authority, Role.LOGISTICS)
    env.registry.hold(sold, "x", {"from": env.official})
    env.registry.releaseHold(sold, HoldKind.AUTHORITY, "x", {"from": env.official})
    env.suspend(env.shop)
    assert revert_of(env.custody.orderReturn, sold, "x", sender=env.stranger) == Revert(
        "ReturnNotPermitted", batch=sold, caller=env.authority
    )
