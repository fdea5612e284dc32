"""The registry keeps the rules of custody itself, whatever ledger asks."""

import pytest
from refusals import Refused, refusal
from world import CUSTODY_LEDGER, batch_id, event

from chromatrace.domain.rights import BatchState


def test_moves(world):
    batch = world.bring_to(BatchState.RELEASED)
    tx = world.hand_over(batch, world.shop, world.logistics, world.franchisee)
    assert world.batch(batch).custodian == world.shop
    assert event(tx, "CustodyTransferred") == {"batch": batch, "from": world.plant, "to": world.shop}


def test_only_the_custody_ledger(world):
    batch = world.bring_to(BatchState.RELEASED)
    assert refusal(world.registry.recordTransfer, batch, world.shop, sender=world.logistics) == Refused(
        "AccessControlUnauthorizedAccount", account=world.logistics, neededRole=CUSTODY_LEDGER
    )


@pytest.mark.parametrize("state", [BatchState.REGISTERED, BatchState.GRADED, BatchState.SCRAPPED])
def test_refuses_what_is_not_released(world, state):
    batch = world.bring_to(state)
    assert refusal(world.registry.recordTransfer, batch, world.shop, sender=world.custody) == Refused(
        "WrongState", batch=batch, state=state
    )


def test_refuses_a_batch_on_hold(world):
    batch = world.bring_to(BatchState.RELEASED)
    world.registry.hold(batch, "x", {"from": world.supervisor})
    assert refusal(world.registry.recordTransfer, batch, world.shop, sender=world.custody) == Refused(
        "BatchOnHold", batch=batch
    )


def test_refuses_a_recalled_batch_but_to_its_producer(world):
    batch = world.bring_to(BatchState.RELEASED)
    world.hand_over(batch, world.shop, world.logistics, world.franchisee)
    world.registry.recall(batch, "x", {"from": world.supervisor})
    assert refusal(world.registry.recordTransfer, batch, world.rival, sender=world.custody) == Refused(
        "BatchIsRecalled", batch=batch
    )


def test_refuses_an_unknown_batch(world):
    assert refusal(world.registry.recordTransfer, batch_id("NONE"), world.shop, sender=world.custody) == Refused(
        "UnknownBatch", batch=batch_id("NONE")
    )
