"""The order of a recall and who may do it, on example and random genealogies."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chromatrace.domain.identifiers import BatchId
from chromatrace.domain.recall_plan import Recallable, RecallStep, recall_plan

OWN, OTHER = 1, 2


def batch(number):
    return BatchId(bytes([number]) * 32)


def item(number, *inputs, producer=OWN, recalled=False, noticed=False):
    return Recallable(batch(number), producer, recalled, tuple(map(batch, inputs)), noticed)


def steps(plan):
    return [(step.batch[0], step.parent and step.parent[0]) for step in plan.steps]


def test_each_descendant_follows_its_parent():
    plan = recall_plan([item(1), item(2, 1), item(3, 2)], OWN)
    assert steps(plan) == [(1, None), (2, 1), (3, 2)]
    assert plan.not_entitled == ()


def test_an_input_that_is_recalled_later_is_not_the_cause():
    """Batch 3 is made of 2 and 1 and precedes 2, so its cause is 1."""
    plan = recall_plan([item(1), item(3, 2, 1), item(2, 1)], OWN)
    assert steps(plan) == [(1, None), (3, 1), (2, 1)]


def test_a_recalled_batch_needs_no_step_and_can_be_a_cause():
    plan = recall_plan([item(1, recalled=True), item(2, 1), item(3, 2, recalled=True), item(4, 3)], OWN)
    assert steps(plan) == [(2, 1), (4, 3)]


def test_the_producer_of_a_recalled_input_notifies_one_generation():
    batches = [item(1), item(2, 1, producer=OTHER), item(3, 2, producer=OTHER), item(4, 3, producer=OTHER)]
    plan = recall_plan(batches, OWN)
    assert plan.steps == (RecallStep(batch(1), None), RecallStep(batch(2), batch(1), notice=True))
    assert plan.not_entitled == (batch(3), batch(4))


def test_a_notice_is_given_once():
    plan = recall_plan([item(1), item(2, 1, producer=OTHER, noticed=True), item(3, 1, noticed=True)], OWN)
    assert steps(plan) == [(1, None), (3, 1)]
    assert plan.not_entitled == (batch(2),)


def test_an_own_batch_behind_those_of_others_is_recalled_directly():
    batches = [item(1), item(2, 1, producer=OTHER), item(3, 2, producer=OTHER), item(4, 3), item(5, 4)]
    plan = recall_plan(batches, OWN)
    assert steps(plan) == [(1, None), (2, 1), (4, None), (5, 4)]
    assert plan.not_entitled == (batch(3),)


def test_the_origin_of_another_producer_cannot_be_recalled():
    plan = recall_plan([item(1, producer=OTHER), item(2, 1, producer=OTHER)], OWN)
    assert plan.steps == ()
    assert plan.not_entitled == (batch(1), batch(2))


def test_an_authority_recalls_everything():
    batches = [item(1, producer=OTHER), item(2, 1, producer=3), item(3, 2, producer=OTHER)]
    assert steps(recall_plan(batches, None)) == [(1, None), (2, 1), (3, 2)]


@st.composite
def genealogies(draw):
    size = draw(st.integers(1, 12))
    batches = []
    for number in range(1, size + 1):
        inputs = draw(st.sets(st.integers(1, number - 1), min_size=min(1, number - 1))) if number > 1 else ()
        producer, recalled = draw(st.sampled_from([OWN, OTHER])), draw(st.booleans())
        batches.append(item(number, *inputs, producer=producer, recalled=recalled))
    return [batches[0], *draw(st.permutations(batches[1:]))]


def contract_accepts(step: RecallStep, batches, recalled, organisation):
    """Evaluate the conditions of `BatchRegistry.recall` and `recallDescendants`."""
    candidate = batches[step.batch]
    if step.batch in recalled:
        return False
    if step.parent is None:
        return candidate.producer == organisation
    own = candidate.producer == organisation
    entitled = own or batches[step.parent].producer == organisation
    return entitled and step.notice is not own and step.parent in recalled and step.parent in candidate.inputs


@given(genealogies())
def test_the_contract_accepts_every_step_of_the_plan_and_no_other(batches):
    plan = recall_plan(batches, OWN)
    known = {candidate.batch: candidate for candidate in batches}
    recalled, notified = {candidate.batch for candidate in batches if candidate.recalled}, set()
    for step in plan.steps:
        assert contract_accepts(step, known, recalled, OWN)
        (notified if step.notice else recalled).add(step.batch)
    assert set(plan.not_entitled) == set(known) - recalled - notified
    for batch_id in plan.not_entitled:
        notices = [RecallStep(batch_id, parent, notice=True) for parent in known[batch_id].inputs]
        steps = [
            RecallStep(batch_id, None),
            *(RecallStep(batch_id, parent) for parent in known[batch_id].inputs),
            *notices,
        ]
        assert not any(contract_accepts(step, known, recalled, OWN) for step in steps)
