"""Releasing: nothing without both verdicts; both channels, one after the other."""

import pytest
from refusals import Refused, refusal
from world import event

from chromatrace.domain.rights import BatchState, SalesChannel, Stage, Verdict


def test_releases_to_both_channels_one_after_the_other(world):
    batch = world.bring_to(BatchState.GRADED)
    for channel, bits in ((SalesChannel.DEFECTIVE, 0b10), (SalesChannel.STANDARD, 0b11)):
        tx = world.registry.release(batch, channel, {"from": world.producer})
        assert world.batch(batch).state is BatchState.RELEASED
        assert world.batch(batch).channels == bits
        assert event(tx, "BatchReleased") == {"batch": batch, "channel": channel, "by": world.producer}


def test_refuses_a_channel_twice(world):
    batch = world.bring_to(BatchState.RELEASED)
    assert refusal(world.registry.release, batch, SalesChannel.STANDARD, sender=world.producer) == Refused(
        "AlreadyReleased", batch=batch, channel=SalesChannel.STANDARD
    )


@pytest.mark.parametrize(
    ("graded", "channel"),
    [((0, 240, 10), SalesChannel.STANDARD), ((240, 0, 10), SalesChannel.DEFECTIVE)],
)
def test_refuses_a_channel_without_goods(world, graded, channel):
    batch = world.bring_to(BatchState.GRADED, graded=graded)
    assert refusal(world.registry.release, batch, channel, sender=world.producer) == Refused(
        "NothingToRelease", batch=batch, channel=channel
    )


@pytest.mark.parametrize(
    "state", [state for state in BatchState if state not in (0, BatchState.GRADED, BatchState.RELEASED)]
)
def test_refuses_every_state_before_grading(world, state):
    batch = world.bring_to(state)
    assert refusal(world.registry.release, batch, SalesChannel.STANDARD, sender=world.producer) == Refused(
        "WrongState", batch=batch, state=state
    )


def freed_after_a_late_failure(world, stage):
    """Graded, then failed by a later verdict, which holds it; a supervisor ends the hold."""
    batch = world.bring_to(BatchState.GRADED)
    world.inspect(batch, stage, Verdict.FAIL)
    assert refusal(world.registry.release, batch, SalesChannel.STANDARD, sender=world.producer) == Refused(
        "BatchOnHold", batch=batch
    )
    world.registry.releaseHold(batch, "looked at", {"from": world.supervisor})
    return batch


@pytest.mark.parametrize("channel", list(SalesChannel))
def test_a_failed_first_verdict_stops_both_channels(world, channel):
    batch = freed_after_a_late_failure(world, Stage.FIRST)
    assert refusal(world.registry.release, batch, channel, sender=world.producer) == Refused(
        "VerdictFailed", batch=batch, stage=Stage.FIRST
    )


def test_a_failed_final_verdict_stops_the_standard_channel_only(world):
    batch = freed_after_a_late_failure(world, Stage.FINAL)
    assert refusal(world.registry.release, batch, SalesChannel.STANDARD, sender=world.producer) == Refused(
        "VerdictFailed", batch=batch, stage=Stage.FINAL
    )
    world.registry.release(batch, SalesChannel.DEFECTIVE, {"from": world.producer})
    assert world.batch(batch).channels == 0b10


def test_refuses_another_producer(world):
    batch = world.bring_to(BatchState.GRADED)
    assert refusal(world.registry.release, batch, SalesChannel.STANDARD, sender=world.competitor) == Refused(
        "NotProducer", batch=batch, producer=world.plant, caller=world.rival
    )


def test_refuses_a_recalled_batch(world):
    batch = world.bring_to(BatchState.RELEASED)
    world.registry.recall(batch, "cracks", {"from": world.supervisor})
    assert refusal(world.registry.release, batch, SalesChannel.DEFECTIVE, sender=world.producer) == Refused(
        "BatchIsRecalled", batch=batch
    )
