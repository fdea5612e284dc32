"""`BatchRegistry.recordTransfer`: the registry checks the rules of custody itself."""

import pytest
from environment import CUSTODY_LEDGER, batch_id, event
from reverts import Revert, revert_of

from chromatrace.domain.rights import BatchState


def test_records_a_transfer(env):
    batch = env.batch_in_state(BatchState.RELEASED)
    tx = env.transfer(batch, env.shop, env.logistics, env.franchisee)
    assert env.batch(batch).custodian == env.shop
    assert event(tx, "CustodyTransferred") == {"batch": batch, "from": env.plant, "to": env.shop}


def test_requires_the_custody_ledger(env):
    batch = env.batch_in_state(BatchState.RELEASED)
    assert revert_of(env.registry.recordTransfer, batch, env.shop, sender=env.logistics) == Revert(
        "AccessControlUnauthorizedAccount", account=env.logistics, neededRole=CUSTODY_LEDGER
    )


@pytest.mark.parametrize("state", [BatchState.REGISTERED, BatchState.GRADED, BatchState.SCRAPPED])
def test_rejects_a_batch_that_is_not_released(env, state):
    batch = env.batch_in_state(state)
    assert revert_of(env.registry.recordTransfer, batch, env.shop, sender=env.custody) == Revert(
        "WrongState", batch=batch, state=state
    )


def test_rejects_a_batch_on_hold(env):
    batch = env.batch_in_state(BatchState.RELEASED)
    env.registry.hold(batch, "x", {"from": env.supervisor})
    assert revert_of(env.registry.recordTransfer, batch, env.shop, sender=env.custody) == Revert(
        "BatchOnHold", batch=batch
    )


def test_rejects_a_recalled_batch_unless_it_goes_to_its_producer(env):
    batch = env.batch_in_state(BatchState.RELEASED)
    env.transfer(batch, env.shop, env.logistics, env.franchisee)
    env.registry.recall(batch, "x", {"from": env.supervisor})
    assert revert_of(env.registry.recordTransfer, batch, env.rival, sender=env.custody) == Revert(
        "BatchIsRecalled", batch=batch
    )


def test_rejects_an_unknown_batch(env):
    assert revert_of(env.registry.recordTransfer, batch_id("NONE"), env.shop, sender=env.custody) == Revert(
        "UnknownBatch", batch=batch_id("NONE")
    )
