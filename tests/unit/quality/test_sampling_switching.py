"""Switching rules as a state machine over the results of lots."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chromatrace.domain.errors import Conflict, InvalidInput
from chromatrace.quality.sampling.plans import AQL, ONE_PER, InspectedLot, SamplingPlan, decide
from chromatrace.quality.sampling.switching import advance, irregular, replay, resume
from chromatrace.quality.sampling.tables import Severity

PLAN = SamplingPlan("final", "final", AQL, level="II", aql=0.65)  # lots of 2,000: n = 125, 2/3; tightened 125, 1/2
WITH_REDUCED = SamplingPlan("final", "final", AQL, level="II", aql=0.65, permit_reduced=True)


def lots(*nonconforming, size=2000, sample=125):
    return [InspectedLot(f"lot-{index}", size, sample, count) for index, count in enumerate(nonconforming)]


def severities(plan, *nonconforming):
    return [decision.severity.value[0] for decision in decide(plan, lots(*nonconforming)).decisions]


def test_two_of_five_rejected_lots_tighten():
    assert severities(PLAN, 0, 3, 0, 0, 4, 0) == list("nnnnnt")
    assert severities(PLAN, 0, 3, 3, 0) == list("nnnt")


def test_two_of_six_rejected_lots_do_not_tighten():
    assert set(severities(PLAN, 3, 0, 0, 0, 0, 3, 0)) == {"n"}


def test_two_rejected_of_the_first_two_lots_tighten():
    assert severities(PLAN, 3, 3, 0) == list("nnt")


def test_five_accepted_lots_end_tightened_inspection():
    # on tightened inspection, two units out of limits reject a lot
    assert severities(PLAN, 3, 3, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 2, 2) == list("nn" + "t" * 10 + "nn")


def test_the_fifth_rejected_lot_on_tightened_inspection_stops():
    history = decide(PLAN, lots(3, 3, 2, 0, 2, 0, 2, 0, 2, 0, 2))
    assert history.state.stopped
    assert history.state.severity is Severity.TIGHTENED
    assert "5 lots rejected" in history.state.reason


def test_a_stopped_plan_accepts_no_lot_until_it_is_resumed():
    state = decide(PLAN, lots(3, 3, 2, 2, 2, 2, 2)).state
    with pytest.raises(Conflict, match="discontinued"):
        advance(state, None, PLAN.aql)
    assert resume(state).severity is Severity.TIGHTENED
    resumed = SamplingPlan("final", "final", AQL, aql=0.65, resumed_after=("lot-6",))
    assert not decide(resumed, lots(3, 3, 2, 2, 2, 2, 2)).state.stopped
    assert decide(resumed, lots(3, 3, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0)).state.severity is Severity.NORMAL


def test_reduced_inspection_requires_a_score_of_thirty():
    # each lot that also passes AQL 0.40 (at most one unit out of limits) adds 3
    assert severities(WITH_REDUCED, *[1] * 12) == list("n" * 10 + "rr")
    assert set(severities(PLAN, *[1] * 12)) == {"n"}


def test_a_lot_that_fails_the_next_smaller_aql_resets_the_score():
    assert severities(WITH_REDUCED, *[1] * 9, 2, *[1] * 10, 0) == list("n" * 20 + "r")


def test_small_acceptance_numbers_add_two():
    plan = SamplingPlan("final", "final", AQL, aql=1.0, permit_reduced=True)
    small = [InspectedLot(f"lot-{index}", 400, 50, 0) for index in range(16)]  # H: 50, 1/2
    assert [decision.severity.value[0] for decision in decide(plan, small).decisions] == list("n" * 15 + "r")


def reduced(*after):
    return severities(WITH_REDUCED, *[0] * 10, *after)[10:]


def test_a_number_between_the_two_is_accepted_and_ends_reduced_inspection():
    history = decide(WITH_REDUCED, lots(*[0] * 10, 2, 0))  # reduced: n = 50, 1/3
    assert [decision.accepted for decision in history.decisions[10:]] == [True, True]
    assert reduced(1, 2, 0) == list("rrn")


def test_a_rejected_lot_ends_reduced_inspection():
    assert reduced(3, 0) == list("rn")


def test_irregular_production_ends_reduced_inspection():
    plan = SamplingPlan("final", "final", AQL, aql=0.65, permit_reduced=True, irregular_after=("lot-11",))
    assert [decision.severity.value[0] for decision in decide(plan, lots(*[0] * 13)).decisions[10:]] == list("rrn")
    assert irregular(decide(PLAN, lots(0)).state) == decide(PLAN, lots(0)).state


def test_a_sample_that_is_too_small_gives_no_decision_and_does_not_count():
    history = decide(PLAN, [*lots(3), InspectedLot("small", 2000, 124, 9), *lots(3)])
    assert [decision.accepted for decision in history.decisions] == [False, None, False]
    assert history.state.severity is Severity.TIGHTENED


def test_a_fixed_share_has_no_severity():
    plan = SamplingPlan("first", "first", ONE_PER, one_per=100)
    history = decide(plan, lots(1, 1, 1, 1, 1, 1, 0, size=200, sample=2))
    assert {decision.severity for decision in history.decisions} == {Severity.NORMAL}
    assert [decision.accepted for decision in history.decisions] == [False] * 6 + [True]


@given(st.lists(st.integers(0, 5), max_size=60), st.booleans())
def test_the_state_after_all_lots_is_the_state_after_each(counts, permit):
    plan = SamplingPlan("final", "final", AQL, aql=0.65, permit_reduced=permit)
    whole = decide(plan, lots(*counts))
    for length in range(len(counts)):
        part = decide(plan, lots(*counts[:length]))
        assert part.decisions == whole.decisions[:length]
        if not part.state.stopped:
            assert whole.decisions[length].severity is part.state.severity
    rejected = [decision for decision in whole.decisions if not decision.accepted]
    assert whole.state.severity is not Severity.TIGHTENED or len(rejected) >= 2


def test_an_impossible_lot_is_an_error():
    for values in ((0, 1, 0), (10, 11, 0), (10, 5, 6), (10, 0, 0)):
        with pytest.raises(InvalidInput):
            InspectedLot("x", *values)
    assert replay([], 0.65).severity is Severity.NORMAL
