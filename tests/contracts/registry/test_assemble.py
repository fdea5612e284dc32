"""Assembling: only after a passed first inspection, only by the producer."""

import pytest
from refusals import Refused, refusal
from world import batch_id, event

from chromatrace.domain.rights import BatchState, Role, Stage, Verdict


def test_assembles_a_batch_that_passed_first_inspection(world):
    batch = world.bring_to(BatchState.FIRST_PASSED)
    tx = world.registry.assemble(batch, {"from": world.producer})
    assert world.batch(batch).state is BatchState.ASSEMBLED
    assert event(tx, "BatchAssembled") == {"batch": batch, "by": world.producer}


@pytest.mark.parametrize("state", [state for state in BatchState if state not in (0, BatchState.FIRST_PASSED)])
def test_refuses_every_other_state(world, state):
    batch = world.bring_to(state)
    assert refusal(world.registry.assemble, batch, sender=world.producer) == Refused(
        "WrongState", batch=batch, state=state
    )


def test_refuses_an_unknown_batch(world):
    unknown = batch_id("NONE")
    assert refusal(world.registry.assemble, unknown, sender=world.producer) == Refused("UnknownBatch", batch=unknown)


def test_refuses_another_producer(world):
    batch = world.bring_to(BatchState.FIRST_PASSED)
    assert refusal(world.registry.assemble, batch, sender=world.competitor) == Refused(
        "NotProducer", batch=batch, producer=world.plant, caller=world.rival
    )


def test_refuses_an_operator_without_the_role(world):
    batch = world.bring_to(BatchState.FIRST_PASSED)
    assert refusal(world.registry.assemble, batch, sender=world.gateway) == Refused(
        "MissingRole", operator=world.gateway, roles=Role.GATEWAY, required=Role.PRODUCER
    )


def test_refuses_a_batch_on_hold(world):
    batch = world.bring_to(BatchState.FIRST_PASSED)
    world.registry.hold(batch, "odd reading", {"from": world.supervisor})
    assert refusal(world.registry.assemble, batch, sender=world.producer) == Refused("BatchOnHold", batch=batch)


def test_refuses_a_recalled_batch(world):
    batch = world.bring_to(BatchState.FIRST_PASSED)
    world.registry.recall(batch, "cracks", {"from": world.supervisor})
    assert refusal(world.registry.assemble, batch, sender=world.producer) == Refused("BatchIsRecalled", batch=batch)


def test_refuses_after_a_superseding_failure(world):
    batch = world.bring_to(BatchState.FIRST_PASSED)
    world.inspect(batch, Stage.FIRST, Verdict.FAIL)
    assert refusal(world.registry.assemble, batch, sender=world.producer) == Refused(
        "WrongState", batch=batch, state=BatchState.STOPPED
    )
