"""Grading: three quantities that add up, after final inspection."""

import pytest
from brownie.test import given
from hypothesis import settings
from hypothesis import strategies as st
from refusals import Refused, refusal
from world import event

from chromatrace.domain.rights import BatchState, Stage, Verdict

MOST = 2**32 - 1


def inspected(world, verdict=Verdict.PASS, quantity=250):
    batch = world.bring_to(BatchState.ASSEMBLED, quantity=quantity)
    world.inspect(batch, Stage.FINAL, verdict)
    return batch


def test_grades(world):
    batch = inspected(world)
    tx = world.registry.grade(batch, 240, 8, 2, {"from": world.producer})
    graded = world.batch(batch)
    assert (graded.state, graded.standard, graded.defective, graded.scrap) == (BatchState.GRADED, 240, 8, 2)
    assert event(tx, "BatchGraded") == {
        "batch": batch,
        "standard": 240,
        "defective": 8,
        "scrap": 2,
        "by": world.producer,
    }


def test_all_scrap_is_scrapped(world):
    batch = inspected(world)
    world.registry.grade(batch, 0, 0, 250, {"from": world.producer})
    assert world.batch(batch).state is BatchState.SCRAPPED


def test_a_failed_batch_may_be_sold_as_defective(world):
    batch = inspected(world, Verdict.FAIL)
    world.registry.grade(batch, 0, 200, 50, {"from": world.producer})
    assert world.batch(batch).state is BatchState.GRADED


def test_a_failed_batch_has_no_standard_quantity(world):
    batch = inspected(world, Verdict.FAIL)
    assert refusal(world.registry.grade, batch, 1, 199, 50, sender=world.producer) == Refused(
        "VerdictFailed", batch=batch, stage=Stage.FINAL
    )


def test_refuses_without_final_inspection(world):
    batch = world.bring_to(BatchState.ASSEMBLED)
    assert refusal(world.registry.grade, batch, 250, 0, 0, sender=world.producer) == Refused(
        "VerdictMissing", batch=batch, stage=Stage.FINAL
    )


@pytest.mark.parametrize("state", [state for state in BatchState if state not in (0, BatchState.ASSEMBLED)])
def test_refuses_every_other_state(world, state):
    batch = world.bring_to(state)
    assert refusal(world.registry.grade, batch, 250, 0, 0, sender=world.producer) == Refused(
        "WrongState", batch=batch, state=state
    )


@pytest.mark.parametrize("split", [(250, 1, 0), (249, 0, 0), (0, 0, 0), (MOST, MOST, MOST)])
def test_refuses_quantities_that_do_not_add_up(world, split):
    batch = inspected(world)
    assert refusal(world.registry.grade, batch, *split, sender=world.producer) == Refused(
        "QuantityMismatch", quantity=250, sum=sum(split)
    )


@given(st.data())
@settings(max_examples=15)
def test_takes_exactly_the_splits_that_add_up(world, data):
    quantity = data.draw(st.integers(100, MOST))
    defective = data.draw(st.integers(0, quantity))
    scrap = data.draw(st.integers(0, quantity - defective))
    error = data.draw(st.integers(-3, 3))
    standard = quantity - defective - scrap + error
    if not 0 <= standard <= MOST:
        return
    batch = inspected(world, quantity=quantity)
    if error:
        assert refusal(world.registry.grade, batch, standard, defective, scrap, sender=world.producer) == Refused(
            "QuantityMismatch", quantity=quantity, sum=quantity + error
        )
    else:
        world.registry.grade(batch, standard, defective, scrap, {"from": world.producer})
        graded = world.batch(batch)
        assert graded.standard + graded.defective + graded.scrap == graded.quantity == quantity


def test_refuses_another_producer(world):
    batch = inspected(world)
    assert refusal(world.registry.grade, batch, 250, 0, 0, sender=world.competitor) == Refused(
        "NotProducer", batch=batch, producer=world.plant, caller=world.rival
    )
