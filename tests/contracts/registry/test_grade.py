"""`BatchRegistry.grade`."""

import pytest
from brownie.test import given
from environment import event
from hypothesis import settings
from hypothesis import strategies as st
from reverts import Revert, revert_of

from chromatrace.domain.rights import BatchState, Stage, Verdict

MAX_QUANTITY = 2**32 - 1


def inspected(env, verdict=Verdict.PASS, quantity=250):
    batch = env.batch_in_state(BatchState.ASSEMBLED, quantity=quantity)
    env.inspect(batch, Stage.FINAL, verdict)
    return batch


def test_grades_a_batch(env):
    batch = inspected(env)
    tx = env.registry.grade(batch, 240, 8, 2, {"from": env.producer})
    graded = env.batch(batch)
    assert (graded.state, graded.standard, graded.defective, graded.scrap) == (BatchState.GRADED, 240, 8, 2)
    assert event(tx, "BatchGraded") == {
        "batch": batch,
        "standard": 240,
        "defective": 8,
        "scrap": 2,
        "by": env.producer,
    }


def test_a_batch_of_scrap_only_is_scrapped(env):
    batch = inspected(env)
    env.registry.grade(batch, 0, 0, 250, {"from": env.producer})
    assert env.batch(batch).state is BatchState.SCRAPPED


def test_a_failed_batch_can_be_graded_as_defective(env):
    batch = inspected(env, Verdict.FAIL)
    env.registry.grade(batch, 0, 200, 50, {"from": env.producer})
    assert env.batch(batch).state is BatchState.GRADED


def test_rejects_a_standard_quantity_of_a_failed_batch(env):
    batch = inspected(env, Verdict.FAIL)
    assert revert_of(env.registry.grade, batch, 1, 199, 50, sender=env.producer) == Revert(
        "VerdictFailed", batch=batch, stage=Stage.FINAL
    )


def test_rejects_a_batch_without_final_verdict(env):
    batch = env.batch_in_state(BatchState.ASSEMBLED)
    assert revert_of(env.registry.grade, batch, 250, 0, 0, sender=env.producer) == Revert(
        "VerdictMissing", batch=batch, stage=Stage.FINAL
    )


@pytest.mark.parametrize("state", [state for state in BatchState if state not in (0, BatchState.ASSEMBLED)])
def test_rejects_other_states(env, state):
    batch = env.batch_in_state(state)
    assert revert_of(env.registry.grade, batch, 250, 0, 0, sender=env.producer) == Revert(
        "WrongState", batch=batch, state=state
    )


@pytest.mark.parametrize("split", [(250, 1, 0), (249, 0, 0), (0, 0, 0), (MAX_QUANTITY, MAX_QUANTITY, MAX_QUANTITY)])
def test_rejects_quantities_that_do_not_add_up(env, split):
    batch = inspected(env)
    assert revert_of(env.registry.grade, batch, *split, sender=env.producer) == Revert(
        "QuantityMismatch", quantity=250, sum=sum(split)
    )


@given(st.data())
@settings(max_examples=15)
def test_accepts_only_quantities_that_add_up(env, data):
    quantity = data.draw(st.integers(100, MAX_QUANTITY))
    defective = data.draw(st.integers(0, quantity))
    scrap = data.draw(st.integers(0, quantity - defective))
    error = data.draw(st.integers(-3, 3))
    standard = quantity - defective - scrap + error
    if not 0 <= standard <= MAX_QUANTITY:
        return
    batch = inspected(env, quantity=quantity)
    if error:
        assert revert_of(env.registry.grade, batch, standard, defective, scrap, sender=env.producer) == Revert(
            "QuantityMismatch", quantity=quantity, sum=quantity + error
        )
    else:
        env.registry.grade(batch, standard, defective, scrap, {"from": env.producer})
        graded = env.batch(batch)
        assert graded.standard + graded.defective + graded.scrap == graded.quantity == quantity


def test_rejects_another_producer(env):
    batch = inspected(env)
    assert revert_of(env.registry.grade, batch, 250, 0, 0, sender=env.competitor) == Revert(
        "NotProducer", batch=batch, producer=env.plant, caller=env.rival
    )


def test_used_units_cannot_be_graded_as_scrap(env):
    batch = env.batch_in_state(BatchState.ASSEMBLED)
    env.inspect(batch, Stage.FINAL)
    env.register("C1", inputs=((batch, 200),))
    assert revert_of(env.registry.grade, batch, 199, 0, 51, sender=env.producer) == Revert(
        "UsedUnitsScrapped", batch=batch, used=200, graded=199
    )
    env.registry.grade(batch, 200, 0, 50, {"from": env.producer})
    assert env.registry.unitsUsedOf(batch) == 200
