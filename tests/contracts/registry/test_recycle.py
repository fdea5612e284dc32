"""`BatchRegistry.recycle`."""

import pytest
from environment import event
from reverts import Revert, revert_of

from chromatrace.domain.rights import BatchState


def test_recycles_a_stopped_batch(env):
    batch = env.batch_in_state(BatchState.STOPPED)
    tx = env.registry.recycle(batch, {"from": env.producer})
    assert env.batch(batch).state is BatchState.RECYCLED
    assert event(tx, "BatchRecycled") == {"batch": batch, "by": env.producer}


@pytest.mark.parametrize("state", [state for state in BatchState if state not in (0, BatchState.STOPPED)])
def test_rejects_other_states(env, state):
    batch = env.batch_in_state(state)
    assert revert_of(env.registry.recycle, batch, sender=env.producer) == Revert("WrongState", batch=batch, state=state)


def test_rejects_another_producer(env):
    batch = env.batch_in_state(BatchState.STOPPED)
    assert revert_of(env.registry.recycle, batch, sender=env.competitor) == Revert(
        "NotProducer", batch=batch, producer=env.plant, caller=env.rival
    )


def test_rejects_a_batch_on_hold(env):
    batch = env.batch_in_state(BatchState.STOPPED)
    env.registry.hold(batch, "to be looked at", {"from": env.supervisor})
    assert revert_of(env.registry.recycle, batch, sender=env.producer) == Revert("BatchOnHold", batch=batch)
