"""Recycling: the end of a stopped batch."""

import pytest
from refusals import Refused, refusal
from world import event

from chromatrace.domain.rights import BatchState


def test_recycles_a_stopped_batch(world):
    batch = world.bring_to(BatchState.STOPPED)
    tx = world.registry.recycle(batch, {"from": world.producer})
    assert world.batch(batch).state is BatchState.RECYCLED
    assert event(tx, "BatchRecycled") == {"batch": batch, "by": world.producer}


@pytest.mark.parametrize("state", [state for state in BatchState if state not in (0, BatchState.STOPPED)])
def test_refuses_every_other_state(world, state):
    batch = world.bring_to(state)
    assert refusal(world.registry.recycle, batch, sender=world.producer) == Refused(
        "WrongState", batch=batch, state=state
    )


def test_refuses_another_producer(world):
    batch = world.bring_to(BatchState.STOPPED)
    assert refusal(world.registry.recycle, batch, sender=world.competitor) == Refused(
        "NotProducer", batch=batch, producer=world.plant, caller=world.rival
    )


def test_refuses_a_batch_on_hold(world):
    batch = world.bring_to(BatchState.STOPPED)
    world.registry.hold(batch, "to be looked at", {"from": world.supervisor})
    assert refusal(world.registry.recycle, batch, sender=world.producer) == Refused("BatchOnHold", batch=batch)
