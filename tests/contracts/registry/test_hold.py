"""`BatchRegistry.hold` and `BatchRegistry.releaseHold`."""

import pytest
from environment import batch_id, event
from reverts import Revert, revert_of

from chromatrace.domain.rights import BatchState, Role

BOTH_FUNCTIONS = pytest.mark.parametrize("function", ["hold", "releaseHold"])


@pytest.mark.parametrize("by", ["supervisor", "official"])
def test_holds_a_batch_and_releases_the_hold(env, by):
    batch, sender = env.register(), getattr(env, by)
    tx = env.registry.hold(batch, "pressure out of limits", {"from": sender})
    assert env.batch(batch).on_hold
    assert event(tx, "BatchHeld") == {"batch": batch, "by": sender, "reason": "pressure out of limits"}
    tx = env.registry.releaseHold(batch, "gauge was wrong", {"from": sender})
    assert not env.batch(batch).on_hold
    assert event(tx, "BatchHoldReleased") == {"batch": batch, "by": sender, "reason": "gauge was wrong"}


@BOTH_FUNCTIONS
def test_rejects_a_supervisor_of_another_producer(env, function):
    batch = env.register()
    assert revert_of(getattr(env.registry, function), batch, "x", sender=env.competitor) == Revert(
        "NotBatchSupervisor", batch=batch, caller=env.competitor
    )


@BOTH_FUNCTIONS
def test_rejects_an_operator_without_the_role(env, function):
    batch = env.register()
    assert revert_of(getattr(env.registry, function), batch, "x", sender=env.producer) == Revert(
        "MissingRole", operator=env.producer, roles=Role.PRODUCER, required=Role.SUPERVISOR
    )


@BOTH_FUNCTIONS
def test_rejects_an_unknown_batch(env, function):
    assert revert_of(getattr(env.registry, function), batch_id("NONE"), "x", sender=env.supervisor) == Revert(
        "UnknownBatch", batch=batch_id("NONE")
    )


@BOTH_FUNCTIONS
def test_rejects_a_recalled_batch(env, function):
    batch = env.register()
    env.registry.recall(batch, "x", {"from": env.supervisor})
    assert revert_of(getattr(env.registry, function), batch, "x", sender=env.supervisor) == Revert(
        "BatchIsRecalled", batch=batch
    )


def test_rejects_a_second_hold(env):
    batch = env.register()
    env.registry.hold(batch, "x", {"from": env.supervisor})
    assert revert_of(env.registry.hold, batch, "x", sender=env.official) == Revert("BatchOnHold", batch=batch)


def test_rejects_releasing_a_hold_that_does_not_exist(env):
    batch = env.register()
    assert revert_of(env.registry.releaseHold, batch, "x", sender=env.supervisor) == Revert(
        "BatchNotOnHold", batch=batch
    )


def test_a_batch_on_hold_can_be_inspected_and_recalled(env):
    batch = env.register()
    env.registry.hold(batch, "x", {"from": env.supervisor})
    env.inspect(batch)
    assert env.batch(batch).state is BatchState.FIRST_PASSED
    env.registry.recall(batch, "x", {"from": env.supervisor})
    assert env.batch(batch).recalled
