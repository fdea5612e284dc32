"""The order of a recall, and whose it is, on hand-made and on random genealogies."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chromatrace.domain.identifiers import BatchId
from chromatrace.domain.recalling import Recallable, RecallStep, recall_plan

OURS, THEIRS = 1, 2


def batch(number):
    return BatchId(bytes([number]) * 32)


def made(number, *inputs, producer=OURS, recalled=False):
    return Recallable(batch(number), producer, recalled, tuple(map(batch, inputs)))


def steps(plan):
    return [(step.batch[0], step.parent and step.parent[0]) for step in plan.steps]


def test_each_descendant_follows_its_parent():
    plan = recall_plan([made(1), made(2, 1), made(3, 2)], OURS)
    assert steps(plan) == [(1, None), (2, 1), (3, 2)]
    assert plan.not_entitled == ()


def test_an_input_that_is_recalled_later_is_no_cause():
    """Batch 3 is made of 2 and of 1; it stands before 2, so only 1 can be its cause."""
    plan = recall_plan([made(1), made(3, 2, 1), made(2, 1)], OURS)
    assert steps(plan) == [(1, None), (3, 1), (2, 1)]


def test_what_is_recalled_takes_no_step_and_is_a_cause():
    plan = recall_plan([made(1, recalled=True), made(2, 1), made(3, 2, recalled=True), made(4, 3)], OURS)
    assert steps(plan) == [(2, 1), (4, 3)]


def test_the_producer_of_the_input_may_but_no_further():
    goods = [made(1), made(2, 1, producer=THEIRS), made(3, 2, producer=THEIRS), made(4, 3, producer=THEIRS)]
    plan = recall_plan(goods, OURS)
    assert steps(plan) == [(1, None), (2, 1)]
    assert plan.not_entitled == (batch(3), batch(4))


def test_what_is_ours_behind_what_is_not_is_recalled_for_itself():
    goods = [made(1), made(2, 1, producer=THEIRS), made(3, 2, producer=THEIRS), made(4, 3), made(5, 4)]
    plan = recall_plan(goods, OURS)
    assert steps(plan) == [(1, None), (2, 1), (4, None), (5, 4)]
    assert plan.not_entitled == (batch(3),)


def test_an_origin_of_others_is_not_ours_to_recall():
    plan = recall_plan([made(1, producer=THEIRS), made(2, 1, producer=THEIRS)], OURS)
    assert plan.steps == ()
    assert plan.not_entitled == (batch(1), batch(2))


def test_an_authority_recalls_everything():
    goods = [made(1, producer=THEIRS), made(2, 1, producer=3), made(3, 2, producer=THEIRS)]
    assert steps(recall_plan(goods, None)) == [(1, None), (2, 1), (3, 2)]


@st.composite
def genealogies(draw):
    size = draw(st.integers(1, 12))
    goods = []
    for number in range(1, size + 1):
        inputs = draw(st.sets(st.integers(1, number - 1), min_size=min(1, number - 1))) if number > 1 else ()
        producer, recalled = draw(st.sampled_from([OURS, THEIRS])), draw(st.booleans())
        goods.append(made(number, *inputs, producer=producer, recalled=recalled))
    return [goods[0], *draw(st.permutations(goods[1:]))]


def contract_takes(step: RecallStep, goods, recalled, organisation):
    """`BatchRegistry.recall` and `recallDescendants`, read out."""
    one = goods[step.batch]
    if step.batch in recalled:
        return False
    if step.parent is None:
        return one.producer == organisation
    entitled = goods[step.parent].producer == organisation or one.producer == organisation
    return entitled and step.parent in recalled and step.parent in one.inputs


@given(genealogies())
def test_the_contract_takes_every_step_and_no_other_would_be_taken(goods):
    plan = recall_plan(goods, OURS)
    known = {one.batch: one for one in goods}
    recalled = {one.batch for one in goods if one.recalled}
    for step in plan.steps:
        assert contract_takes(step, known, recalled, OURS)
        recalled.add(step.batch)
    assert set(plan.not_entitled) == set(known) - recalled
    for left in plan.not_entitled:
        tries = [RecallStep(left, None), *(RecallStep(left, parent) for parent in known[left].inputs)]
        assert not any(contract_takes(one, known, recalled, OURS) for one in tries)
