"""`BatchRegistry.assemble`."""

import pytest
from environment import batch_id, event
from reverts import Revert, revert_of

from chromatrace.domain.rights import BatchState, Role, Stage, Verdict


def test_assembles_a_batch_that_passed_the_first_inspection(env):
    batch = env.batch_in_state(BatchState.FIRST_PASSED)
    tx = env.registry.assemble(batch, {"from": env.producer})
    assert env.batch(batch).state is BatchState.ASSEMBLED
    assert event(tx, "BatchAssembled") == {"batch": batch, "by": env.producer}


@pytest.mark.parametrize("state", [state for state in BatchState if state not in (0, BatchState.FIRST_PASSED)])
def test_rejects_other_states(env, state):
    batch = env.batch_in_state(state)
    assert revert_of(env.registry.assemble, batch, sender=env.producer) == Revert(
        "WrongState", batch=batch, state=state
    )


def test_rejects_an_unknown_batch(env):
    unknown = batch_id("NONE")
    assert revert_of(env.registry.assemble, unknown, sender=env.producer) == Revert("UnknownBatch", batch=unknown)


def test_rejects_another_producer(env):
    batch = env.batch_in_state(BatchState.FIRST_PASSED)
    assert revert_of(env.registry.assemble, batch, sender=env.competitor) == Revert(
        "NotProducer", batch=batch, producer=env.plant, caller=env.rival
    )


def test_rejects_an_operator_without_the_role(env):
    batch = env.batch_in_state(BatchState.FIRST_PASSED)
    assert revert_of(env.registry.assemble, batch, sender=env.gateway) == Revert(
        "MissingRole", operator=env.gateway, roles=Role.GATEWAY, required=Role.PRODUCER
    )


def test_rejects_a_batch_on_hold(env):
    batch = env.batch_in_state(BatchState.FIRST_PASSED)
    env.registry.hold(batch, "odd reading", {"from": env.supervisor})
    assert revert_of(env.registry.assemble, batch, sender=env.producer) == Revert("BatchOnHold", batch=batch)


def test_rejects_a_recalled_batch(env):
    batch = env.batch_in_state(BatchState.FIRST_PASSED)
    env.registry.recall(batch, "cracks", {"from": env.supervisor})
    assert revert_of(env.registry.assemble, batch, sender=env.producer) == Revert("BatchIsRecalled", batch=batch)


def test_rejects_a_batch_whose_verdict_was_superseded_by_a_failure(env):
    batch = env.batch_in_state(BatchState.FIRST_PASSED)
    env.inspect(batch, Stage.FIRST, Verdict.FAIL)
    assert revert_of(env.registry.assemble, batch, sender=env.producer) == Revert(
        "WrongState", batch=batch, state=BatchState.STOPPED
    )
