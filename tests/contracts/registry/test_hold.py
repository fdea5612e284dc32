"""Holding and freeing: supervisors of the producer and of authorities."""

import pytest
from refusals import Refused, refusal
from world import batch_id, event

from chromatrace.domain.rights import BatchState, Role

BOTH_VERBS = pytest.mark.parametrize("verb", ["hold", "releaseHold"])


@pytest.mark.parametrize("by", ["supervisor", "official"])
def test_holds_and_frees(world, by):
    batch, sender = world.register(), getattr(world, by)
    tx = world.registry.hold(batch, "pressure out of limits", {"from": sender})
    assert world.batch(batch).on_hold
    assert event(tx, "BatchHeld") == {"batch": batch, "by": sender, "reason": "pressure out of limits"}
    tx = world.registry.releaseHold(batch, "gauge was wrong", {"from": sender})
    assert not world.batch(batch).on_hold
    assert event(tx, "BatchHoldReleased") == {"batch": batch, "by": sender, "reason": "gauge was wrong"}


@BOTH_VERBS
def test_refuses_a_supervisor_of_another_producer(world, verb):
    batch = world.register()
    assert refusal(getattr(world.registry, verb), batch, "x", sender=world.competitor) == Refused(
        "NotBatchSupervisor", batch=batch, caller=world.competitor
    )


@BOTH_VERBS
def test_refuses_an_operator_without_the_role(world, verb):
    batch = world.register()
    assert refusal(getattr(world.registry, verb), batch, "x", sender=world.producer) == Refused(
        "MissingRole", operator=world.producer, roles=Role.PRODUCER, required=Role.SUPERVISOR
    )


@BOTH_VERBS
def test_refuses_an_unknown_batch(world, verb):
    assert refusal(getattr(world.registry, verb), batch_id("NONE"), "x", sender=world.supervisor) == Refused(
        "UnknownBatch", batch=batch_id("NONE")
    )


@BOTH_VERBS
def test_refuses_a_recalled_batch(world, verb):
    batch = world.register()
    world.registry.recall(batch, "x", {"from": world.supervisor})
    assert refusal(getattr(world.registry, verb), batch, "x", sender=world.supervisor) == Refused(
        "BatchIsRecalled", batch=batch
    )


def test_refuses_to_hold_twice(world):
    batch = world.register()
    world.registry.hold(batch, "x", {"from": world.supervisor})
    assert refusal(world.registry.hold, batch, "x", sender=world.official) == Refused("BatchOnHold", batch=batch)


def test_refuses_to_free_what_is_not_held(world):
    batch = world.register()
    assert refusal(world.registry.releaseHold, batch, "x", sender=world.supervisor) == Refused(
        "BatchNotOnHold", batch=batch
    )


def test_inspection_and_recall_go_on(world):
    batch = world.register()
    world.registry.hold(batch, "x", {"from": world.supervisor})
    world.inspect(batch)
    assert world.batch(batch).state is BatchState.FIRST_PASSED
    world.registry.recall(batch, "x", {"from": world.supervisor})
    assert world.batch(batch).recalled
