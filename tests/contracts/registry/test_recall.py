"""`BatchRegistry.recall`."""

from dataclasses import replace

import pytest
from environment import batch_id, event
from reverts import Revert, revert_of

from chromatrace.domain.rights import BatchState


@pytest.mark.parametrize("state", [state for state in BatchState if state])
@pytest.mark.parametrize("by", ["supervisor", "official"])
def test_recalls_in_every_state(env, state, by):
    batch, sender = env.batch_in_state(state), getattr(env, by)
    before = env.batch(batch)
    tx = env.registry.recall(batch, "delamination", {"from": sender})
    assert env.batch(batch) == replace(before, recalled=True)
    assert event(tx, "BatchRecalled") == {"batch": batch, "cause": batch, "by": sender, "reason": "delamination"}


def test_recalls_a_batch_with_another_custodian(env):
    batch = env.batch_in_state(BatchState.RELEASED)
    env.transfer(batch, env.shop, env.logistics, env.franchisee)
    env.registry.recall(batch, "delamination", {"from": env.supervisor})
    assert env.batch(batch).recalled


def test_rejects_a_supervisor_of_the_custodian(env):
    batch = env.batch_in_state(BatchState.RELEASED)
    env.transfer(batch, env.rival, env.logistics, env.competitor)
    assert revert_of(env.registry.recall, batch, "x", sender=env.competitor) == Revert(
        "NotBatchSupervisor", batch=batch, caller=env.competitor
    )


def test_rejects_a_recalled_batch(env):
    batch = env.register()
    env.registry.recall(batch, "x", {"from": env.supervisor})
    assert revert_of(env.registry.recall, batch, "x", sender=env.official) == Revert("BatchIsRecalled", batch=batch)


def test_rejects_an_unknown_batch(env):
    assert revert_of(env.registry.recall, batch_id("NONE"), "x", sender=env.official) == Revert(
        "UnknownBatch", batch=batch_id("NONE")
    )
