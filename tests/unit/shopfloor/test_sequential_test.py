"""Wald's test and the learning of confusion matrices."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chromatrace.quality.errors import RuleError, UnknownStateError
from chromatrace.studies.sequential_test import FAIL, PASS, Confusion, SequentialRule, dawid_skene

good = Confusion(0.1, 0.1).log_ratios
coin = Confusion(0.5, 0.5).log_ratios


def test_an_answer_adds_its_log_likelihood_ratio():
    passed, failed = Confusion(false_alarm=0.2, miss=0.1).log_ratios
    assert passed == pytest.approx(math.log(0.1 / 0.8))
    assert failed == pytest.approx(math.log(0.9 / 0.2))


def test_a_random_inspector_adds_nothing():
    opened = SequentialRule(0.05, 0.05)()
    assert [opened.add(FAIL, coin) for _ in range(16)] == [None] * 16
    assert opened.evidence == pytest.approx(0)
    assert opened.add(FAIL, coin) == PASS


def test_a_reliable_inspector_decides_alone_and_less_reliable_ones_together():
    assert SequentialRule(0.1, 0.1)().add(FAIL, Confusion(0.05, 0.05).log_ratios) == FAIL
    opened = SequentialRule(0.05, 0.05)()
    assert opened.add(PASS, good) is None
    assert opened.add(PASS, good) == PASS


def test_an_inspector_that_is_mostly_wrong_has_the_opposite_weight():
    opened = SequentialRule(0.05, 0.05)()
    assert opened.add(FAIL, Confusion(0.97, 0.97).log_ratios) == PASS


def test_no_decision_below_the_minimum():
    opened = SequentialRule(0.2, 0.2, minimum=3)()
    assert [opened.add(FAIL, good) for _ in range(3)] == [None, None, FAIL]


def test_the_more_likely_state_wins_at_the_maximum():
    opened = SequentialRule(0.001, 0.001, maximum=3)()
    assert [opened.add(state, good) for state in (FAIL, PASS, FAIL)] == [None, None, FAIL]


def test_the_bounds_are_walds():
    accept, reject = SequentialRule(false_alarm=0.01, miss=0.1).bounds
    assert accept == pytest.approx(math.log(0.1 / 0.99))
    assert reject == pytest.approx(math.log(0.9 / 0.01))


def test_independent_answers_keep_the_chosen_error_rates():
    random = Random(1)
    confusions = [Confusion(random.uniform(0.05, 0.4), random.uniform(0.05, 0.4)) for _ in range(17)]
    rule, wrong = SequentialRule(0.05, 0.05, maximum=1000), {False: 0, True: 0}
    for number in range(4000):
        defective, opened, outcome = bool(number % 2), rule(), None
        while outcome is None:
            confusion = random.choice(confusions)
            error = random.random() < (confusion.miss if defective else confusion.false_alarm)
            outcome = opened.add(FAIL if defective != error else PASS, confusion.log_ratios)
        wrong[defective] += (outcome == FAIL) != defective
    assert wrong[False] / 2000 < 0.06
    assert wrong[True] / 2000 < 0.06


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.sampled_from([PASS, FAIL]), st.floats(0.01, 0.6), st.floats(0.01, 0.6)), min_size=17, max_size=17
    )
)
def test_a_round_ends_at_the_maximum(answers):
    opened = SequentialRule(0.001, 0.001)()
    outcomes = [opened.add(state, Confusion(a, b).log_ratios) for state, a, b in answers]
    assert outcomes[16] is not None or any(outcome is not None for outcome in outcomes[:16])


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"false_alarm": 0.0}, "/false_alarm"),
        ({"miss": 0.5}, "/miss"),
        ({"miss": float("nan")}, "/miss"),
        ({"minimum": 0}, "/minimum"),
        ({"minimum": 5, "maximum": 3}, "/minimum"),
    ],
)
def test_invalid_tests_are_rejected(fields, field):
    with pytest.raises(RuleError) as error:
        SequentialRule(**fields)
    assert error.value.field == field


def test_invalid_confusions_are_rejected():
    with pytest.raises(RuleError) as error:
        Confusion(0.1, 1.1)
    assert error.value.field == "/miss"


def asked(confusions, rate, count, answers_per_step, seed):
    random, rounds = Random(seed), []
    for _ in range(count):
        defective = random.random() < rate
        answers = []
        for inspector in random.sample(range(len(confusions)), answers_per_step):
            wrong = random.random() < (confusions[inspector].miss if defective else confusions[inspector].false_alarm)
            answers.append((inspector, FAIL if defective != wrong else PASS))
        rounds.append(answers)
    return rounds


def test_confusions_are_learned_from_answers_alone():
    random = Random(3)
    true = [Confusion(random.uniform(0.02, 0.5), random.uniform(0.02, 0.5)) for _ in range(10)]
    learned = dawid_skene(asked(true, 0.3, 3000, 5, 4), 10)
    assert learned.defect_rate == pytest.approx(0.3, abs=0.03)
    for learned_confusion, true_confusion in zip(learned.confusions, true, strict=True):
        assert learned_confusion.false_alarm == pytest.approx(true_confusion.false_alarm, abs=0.06)
        assert learned_confusion.miss == pytest.approx(true_confusion.miss, abs=0.06)


def test_an_inspector_without_answers_keeps_the_prior():
    learned = dawid_skene([[(0, PASS), (1, PASS)]] * 10, 3)
    for unknown in (learned.confusions[2], dawid_skene([], 2).confusions[0]):
        assert (unknown.false_alarm, unknown.miss) == pytest.approx((1 / 3, 1 / 3))


@pytest.mark.parametrize("answer", [(3, PASS), (-1, PASS), (0, 2)])
def test_unknown_inspectors_and_states_are_rejected(answer):
    with pytest.raises(UnknownStateError) as error:
        dawid_skene([[(0, PASS)], [(1, FAIL), answer]], 3)
    assert error.value.field == "/rounds/1/1"
