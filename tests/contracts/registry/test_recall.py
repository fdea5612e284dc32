"""Recalling: for ever, with a reason, whoever holds the batch."""

import pytest
from refusals import Refused, refusal
from world import batch_id, event

from chromatrace.domain.rights import BatchState


@pytest.mark.parametrize("state", [state for state in BatchState if state])
@pytest.mark.parametrize("by", ["supervisor", "official"])
def test_recalls_in_every_state(world, state, by):
    batch, sender = world.bring_to(state), getattr(world, by)
    before = world.batch(batch)
    tx = world.registry.recall(batch, "delamination", {"from": sender})
    assert world.batch(batch) == type(before)(**(vars(before) | {"recalled": True}))
    assert event(tx, "BatchRecalled") == {"batch": batch, "cause": batch, "by": sender, "reason": "delamination"}


def test_recalls_a_batch_in_other_hands(world):
    batch = world.bring_to(BatchState.RELEASED)
    world.hand_over(batch, world.shop, world.logistics, world.franchisee)
    world.registry.recall(batch, "delamination", {"from": world.supervisor})
    assert world.batch(batch).recalled


def test_refuses_the_custodian(world):
    batch = world.bring_to(BatchState.RELEASED)
    world.hand_over(batch, world.rival, world.logistics, world.competitor)
    assert refusal(world.registry.recall, batch, "x", sender=world.competitor) == Refused(
        "NotBatchSupervisor", batch=batch, caller=world.competitor
    )


def test_refuses_to_recall_twice(world):
    batch = world.register()
    world.registry.recall(batch, "x", {"from": world.supervisor})
    assert refusal(world.registry.recall, batch, "x", sender=world.official) == Refused("BatchIsRecalled", batch=batch)


def test_refuses_an_unknown_batch(world):
    assert refusal(world.registry.recall, batch_id("NONE"), "x", sender=world.official) == Refused(
        "UnknownBatch", batch=batch_id("NONE")
    )
