"""`BatchRegistry.release`."""

import pytest
from environment import CUSTODY_LEDGER, event
from reverts import Revert, revert_of

from chromatrace.domain.rights import BatchState, HoldKind, SalesChannel, Stage, Verdict


def test_releases_to_both_channels(env):
    batch = env.batch_in_state(BatchState.GRADED)
    for channel, bits in ((SalesChannel.DEFECTIVE, 0b10), (SalesChannel.STANDARD, 0b11)):
        tx = env.registry.release(batch, channel, {"from": env.producer})
        assert env.batch(batch).state is BatchState.RELEASED
        assert env.batch(batch).channels == bits
        assert event(tx, "BatchReleased") == {"batch": batch, "channel": channel, "by": env.producer}


def test_rejects_a_released_channel(env):
    batch = env.batch_in_state(BatchState.RELEASED)
    assert revert_of(env.registry.release, batch, SalesChannel.STANDARD, sender=env.producer) == Revert(
        "AlreadyReleased", batch=batch, channel=SalesChannel.STANDARD
    )


@pytest.mark.parametrize(
    ("graded", "channel"),
    [((0, 240, 10), SalesChannel.STANDARD), ((240, 0, 10), SalesChannel.DEFECTIVE)],
)
def test_rejects_a_channel_without_quantity(env, graded, channel):
    batch = env.batch_in_state(BatchState.GRADED, graded=graded)
    assert revert_of(env.registry.release, batch, channel, sender=env.producer) == Revert(
        "NothingToRelease", batch=batch, channel=channel
    )


@pytest.mark.parametrize(
    "state", [state for state in BatchState if state not in (0, BatchState.GRADED, BatchState.RELEASED)]
)
def test_rejects_states_before_grading(env, state):
    batch = env.batch_in_state(state)
    assert revert_of(env.registry.release, batch, SalesChannel.STANDARD, sender=env.producer) == Revert(
        "WrongState", batch=batch, state=state
    )


def released_hold_after_a_late_failure(env, stage):
    """Return a graded batch that a later verdict put on hold; an authority ended the hold."""
    batch = env.batch_in_state(BatchState.GRADED)
    env.inspect(batch, stage, Verdict.FAIL)
    assert revert_of(env.registry.release, batch, SalesChannel.STANDARD, sender=env.producer) == Revert(
        "BatchOnHold", batch=batch
    )
    kind = HoldKind.FIRST_INSPECTION if stage is Stage.FIRST else HoldKind.FINAL_INSPECTION
    env.registry.releaseHold(batch, kind, "looked at", {"from": env.official})
    return batch


@pytest.mark.parametrize("channel", list(SalesChannel))
def test_rejects_both_channels_after_a_failed_first_verdict(env, channel):
    batch = released_hold_after_a_late_failure(env, Stage.FIRST)
    assert revert_of(env.registry.release, batch, channel, sender=env.producer) == Revert(
        "VerdictFailed", batch=batch, stage=Stage.FIRST
    )


def test_rejects_only_the_standard_channel_after_a_failed_final_verdict(env):
    batch = released_hold_after_a_late_failure(env, Stage.FINAL)
    assert revert_of(env.registry.release, batch, SalesChannel.STANDARD, sender=env.producer) == Revert(
        "VerdictFailed", batch=batch, stage=Stage.FINAL
    )
    env.registry.release(batch, SalesChannel.DEFECTIVE, {"from": env.producer})
    assert env.batch(batch).channels == 0b10


def test_rejects_a_batch_that_the_producer_no_longer_holds(env):
    """A transfer needs all channels released. Only a ledger that does not check this could move the batch before."""
    batch = env.batch_in_state(BatchState.GRADED)
    env.registry.release(batch, SalesChannel.STANDARD, {"from": env.producer})
    env.consortium.grantRole(CUSTODY_LEDGER, env.registrar, {"from": env.registrar})
    env.registry.recordTransfer(batch, env.shop, {"from": env.registrar})
    assert revert_of(env.registry.release, batch, SalesChannel.DEFECTIVE, sender=env.producer) == Revert(
        "NotHeldByProducer", batch=batch, custodian=env.shop
    )


def test_rejects_another_producer(env):
    batch = env.batch_in_state(BatchState.GRADED)
    assert revert_of(env.registry.release, batch, SalesChannel.STANDARD, sender=env.competitor) == Revert(
        "NotProducer", batch=batch, producer=env.plant, caller=env.rival
    )


def test_rejects_a_recalled_batch(env):
    batch = env.batch_in_state(BatchState.RELEASED)
    env.registry.recall(batch, "cracks", {"from": env.supervisor})
    assert revert_of(env.registry.release, batch, SalesChannel.DEFECTIVE, sender=env.producer) == Revert(
        "BatchIsRecalled", batch=batch
    )
