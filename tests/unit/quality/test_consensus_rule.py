"""The consensus rule: groups, scores, thresholds, check sheets and their errors."""

from __future__ import annotations

import random
from decimal import Decimal, localcontext

import pytest

from chromatrace.documents.evidence import LimitComparison
from chromatrace.plant import example_plant
from chromatrace.quality.check_sheet import PASS_FAIL, SIZES, Parameter, Size, ToleranceSheet
from chromatrace.quality.consensus import Answer, decide, score
from chromatrace.quality.errors import CheckSheetError, RepeatedAnswerError, RuleError, UnknownStateError
from chromatrace.quality.log_odds import MAX_LOG_ODDS, log_odds, margin
from chromatrace.quality.rules import UNIT, Rule, Weighing, as_ratio, capability, min_inspectors, weighing_by_name
from chromatrace.studies.tally import Tally


def answers(*pairs: tuple[str, int]) -> list[Answer]:
    return [Answer(inspector, state, value) for inspector, (state, value) in enumerate(pairs)]


def test_a_majority_counts_members() -> None:
    rule = Rule.majority(3)
    assert decide(rule, answers(("pass", 1), ("fail", UNIT), ("pass", 1))) is None
    consensus = decide(rule, answers(("pass", 1), ("fail", UNIT), ("pass", 1), ("fail", UNIT), ("pass", 1)))
    assert consensus is not None
    assert (consensus.state, consensus.winner.members, consensus.recorder, consensus.winner.score) == (
        "pass",
        (0, 2, 4),
        4,
        3 * UNIT,
    )
    assert [(group.state, group.members) for group in consensus.dissent] == [("fail", (1, 3))]
    assert consensus.reached


def test_confidence_adds_capabilities_and_waits_for_the_minimum() -> None:
    rule = Rule.confidence(0.9)
    assert decide(rule, answers(("fail", 9_500), ("fail", 9_500))) is None
    consensus = decide(rule, answers(("pass", 4_000), ("fail", 4_000), ("fail", 5_000)))
    assert consensus is not None
    assert (consensus.state, as_ratio(consensus.winner.score), consensus.reached) == ("fail", 0.9, True)


def test_beginners_need_almost_all_seventeen() -> None:
    """At a capability of 0.1, nine must agree; with up to eight dissenters that takes all seventeen."""
    rule = Rule.confidence(0.9)
    agreeing = [Answer(inspector, "pass", 1_000) for inspector in range(9)]
    assert decide(rule, agreeing[:8]) is None
    assert decide(rule, agreeing) is not None


def test_noisy_or_is_the_probability_that_one_is_right() -> None:
    assert score(Weighing.NOISY_OR, [5_000, 5_000]) == 7_500
    assert score(Weighing.NOISY_OR, [1_000, 2_000, 3_000]) == round((1 - 0.9 * 0.8 * 0.7) * UNIT)
    assert score(Weighing.NOISY_OR, [UNIT, 1]) == UNIT
    assert score(Weighing.NOISY_OR, []) == 0
    consensus = decide(Rule.noisy_or(0.875), answers(("pass", 5_000), ("pass", 5_000), ("pass", 5_000)))
    assert consensus is not None
    assert consensus.reached


def test_log_odds_are_exact() -> None:
    with localcontext(prec=40):
        exact = [(Decimal(percent) / (100 - percent)).ln() * UNIT for percent in range(50, 100)]
    assert [log_odds(100 * percent) for percent in range(50, 100)] == [
        int(value.to_integral_value()) for value in exact
    ]
    assert [log_odds(value) for value in (0, 4_999, 5_099, 5_100)] == [0, 0, 0, 400]
    assert log_odds(9_900) == log_odds(UNIT) == MAX_LOG_ODDS
    assert margin(0.05) == 29_444


def test_with_log_odds_a_group_wins_by_its_lead() -> None:
    """As in Wald's test, evidence for the other state counts against this one."""
    rule = Rule.log_odds(0.05, maximum=5)
    alone = decide(rule, answers(("fail", 9_600)))
    assert alone is not None
    assert (alone.state, alone.winner.score, alone.reached) == ("fail", 31_781, True)
    disputed = answers(("fail", 9_400), ("pass", 7_000), ("fail", 7_000), ("fail", 6_000))
    assert [decide(rule, disputed[:count]) is None for count in (1, 2, 3, 4)] == [True, True, True, False]
    three = Rule.log_odds(0.05, states=SIZES, maximum=5)
    assert decide(three, answers(("fit", 9_700), ("small", 9_000), ("large", 6_000))) is None


def test_with_log_odds_the_round_ends_at_the_maximum() -> None:
    """The answers of beginners have no weight, so the larger group wins."""
    rule = Rule.log_odds(0.05, maximum=5)
    consensus = decide(
        rule, answers(("pass", 1_000), ("fail", 1_000), ("fail", 1_000), ("pass", 1_000), ("fail", 1_000))
    )
    assert consensus is not None
    assert (consensus.state, consensus.winner.score, consensus.reached) == ("fail", 0, False)


@pytest.mark.parametrize("wrong", [0, 0.5, -0.1, True, "0.05", float("nan")])
def test_an_invalid_error_rate_is_rejected(wrong: float) -> None:
    with pytest.raises(RuleError) as error:
        Rule.log_odds(wrong)
    assert error.value.field == "/error"


def test_at_the_maximum_the_best_group_wins() -> None:
    rule = Rule.majority(5, maximum=5)
    consensus = decide(rule, answers(("pass", 1), ("fail", 1), ("pass", 1), ("fail", 1), ("fail", 1)))
    assert consensus is not None
    assert (consensus.state, consensus.reached) == ("fail", False)


def test_equal_scores_go_to_more_members_then_to_the_earliest() -> None:
    rule = Rule.confidence(5, maximum=5)
    larger = decide(rule, answers(("pass", 6_000), ("fail", 2_000), ("fail", 2_000), ("fail", 2_000), ("pass", 0)))
    assert larger is not None
    assert larger.state == "fail"
    three = Rule.majority(5, states=SIZES, minimum=5, maximum=5)
    tied = decide(three, answers(("fit", 1), ("small", 1), ("small", 1), ("fit", 1), ("large", 1)))
    assert tied is not None
    assert (tied.state, [group.state for group in tied.dissent]) == ("fit", ["small", "large"])


@pytest.mark.parametrize("weighing", list(Weighing))
def test_the_tally_decides_like_the_rule(weighing: Weighing) -> None:
    rng = random.Random(int(weighing))
    decided = 0
    for _ in range(1_000):
        states = rng.choice([PASS_FAIL, SIZES, tuple("abcd")])
        minimum = 1 if weighing is Weighing.LOG_ODDS else min_inspectors(len(states))
        maximum = rng.randrange(minimum, 18, 2)
        highest = Rule(states, minimum, maximum, weighing, 1).highest_score
        rule = Rule(states, minimum, maximum, weighing, rng.randint(1, highest))
        tally, so_far = Tally(rule), []
        for inspector in range(maximum):
            answer = Answer(inspector, rng.choice(states), rng.choice([0, 1_000, rng.randint(0, UNIT), UNIT]))
            so_far.append(answer)
            winner = tally.add(states.index(answer.state), answer.capability)
            consensus = decide(rule, so_far)
            assert (None if winner is None else states[winner]) == (consensus and consensus.state)
            if consensus:
                members = {member for group in (consensus.winner, *consensus.dissent) for member in group.members}
                assert members == set(range(inspector + 1)), "every answer is in a group"
                decided += 1
                break
        else:
            pytest.fail("the maximum was reached without a decision")
    assert decided == 1_000


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"minimum": 4}, "/minimum"),
        ({"minimum": 1}, "/minimum"),
        ({"minimum": 3.0}, "/minimum"),
        ({"states": SIZES, "minimum": 3}, "/minimum"),
        ({"maximum": 16}, "/maximum"),
        ({"minimum": 7, "maximum": 5}, "/maximum"),
        ({"maximum": 19}, "/maximum"),
        ({"weighing": Weighing.MAJORITY, "threshold": 6 * UNIT, "maximum": 5}, "/threshold"),
        ({"weighing": Weighing.CONFIDENCE, "threshold": 5 * UNIT + 1, "maximum": 5}, "/threshold"),
        ({"weighing": Weighing.NOISY_OR, "threshold": UNIT + 1}, "/threshold"),
        ({"weighing": Weighing.LOG_ODDS, "threshold": 5 * MAX_LOG_ODDS + 1, "maximum": 5}, "/threshold"),
        ({"weighing": Weighing.LOG_ODDS, "minimum": 2}, "/minimum"),
        ({"threshold": 0}, "/threshold"),
        ({"minimum_capability": UNIT + 1}, "/minimum_capability"),
        ({"minimum_capability": -1}, "/minimum_capability"),
        ({"states": ()}, "/states"),
        ({"states": ("pass",)}, "/states"),
        ({"states": ("pass", "pass")}, "/states/1"),
        ({"weighing": 7}, "/weighing"),
    ],
)
def test_an_invalid_rule_names_its_field(changes: dict[str, object], field: str) -> None:
    with pytest.raises(RuleError) as error:
        Rule(**changes)  # type: ignore[arg-type]
    assert error.value.field == field


def test_a_rule_survives_json() -> None:
    document = {"states": ["pass", "fail"], "minimum": 3, "maximum": 5, "weighing": "noisy-or", "threshold": 0.95}
    rule = Rule.from_json(document)
    assert rule == Rule.noisy_or(0.95, maximum=5)
    assert Rule.from_json(rule.as_json()) == rule
    with pytest.raises(RuleError) as error:
        Rule.from_json(document | {"weighing": "loudest"}, "/consensus")
    assert error.value.field == "/consensus/weighing"
    with pytest.raises(RuleError) as error:
        Rule.from_json(document | {"minimum": 2}, "/consensus")
    assert error.value.field == "/consensus/minimum"
    assert weighing_by_name("majority") is Weighing.MAJORITY


@pytest.mark.parametrize("wrong", [-0.01, 1.01, float("nan"), float("inf"), True, "0.5"])
def test_a_capability_outside_0_to_1_is_rejected(wrong: float) -> None:
    with pytest.raises(RuleError) as error:
        capability(wrong)
    assert error.value.field == "/capability"


def test_invalid_answers_are_rejected() -> None:
    rule = Rule()
    with pytest.raises(UnknownStateError) as unknown:
        decide(rule, answers(("pass", 1), ("maybe", 1)))
    assert unknown.value.field == "/answers/1/state"
    with pytest.raises(RepeatedAnswerError) as repeated:
        decide(rule, [Answer(1, "pass", 1), Answer(1, "pass", 1)])
    assert repeated.value.field == "/answers/1/inspector"
    with pytest.raises(RuleError) as outside:
        decide(rule, answers(("pass", UNIT + 1)))
    assert outside.value.field == "/answers/0/capability"


def test_each_parameter_is_small_fit_or_large() -> None:
    limits = [
        ("thickness", "nm", LimitComparison.AT_LEAST, 300.0),
        ("thickness", "nm", LimitComparison.AT_MOST, 450.0),
        ("share", "%", LimitComparison.BELOW, 20.0),
    ]
    sheet = ToleranceSheet.from_limits(limits)
    assert sheet.evaluate({"thickness": 299.9, "share": 20.0}) == {"thickness": Size.SMALL, "share": Size.LARGE}
    assert sheet.state({"thickness": 450.0, "share": 19.9}) == "pass"
    assert sheet.state({"thickness": 450.1, "share": 19.9}) == "fail"
    sizes = ToleranceSheet.from_limits(limits, SIZES)
    assert sizes.state({"thickness": 400.0, "share": 21.0}) == "large"
    assert sizes.state({"thickness": 299.0, "share": 21.0}) == "small"
    assert sizes.state({"thickness": 300.0, "share": 1.0}) == "fit"


def test_a_plant_file_has_the_same_sheets() -> None:
    sheet = example_plant("electrochromic").check_sheet("first").tolerances()
    assert [parameter.name for parameter in sheet.parameters] == [
        "crystalline share",
        "W5+ share",
        "film thickness",
        "grain size",
    ]
    good = {"crystalline share": 1.0, "W5+ share": 1.0, "film thickness": 400.0, "grain size": 20.0}
    assert sheet.state(good) == "pass"
    assert sheet.state(good | {"grain size": 41.0}) == "fail"


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: ToleranceSheet((Parameter("a", low=1),), ()), "/states"),
        (lambda: ToleranceSheet((Parameter("a", low=1),), ("good", "bad")), "/states"),
        (lambda: ToleranceSheet(()), "/parameters"),
        (lambda: ToleranceSheet((Parameter("a", low=1), Parameter("a", high=1))), "/parameters/1/name"),
        (lambda: Parameter("a"), "/low"),
        (lambda: Parameter("a", low=2, high=1), "/low"),
        (lambda: Parameter("a", low=float("nan")), "/low"),
        (lambda: Parameter("", low=1), "/name"),
        (lambda: ToleranceSheet((Parameter("a", low=1),)).evaluate({}), "/values/a"),
        (lambda: ToleranceSheet((Parameter("a", low=1),)).evaluate({"a": float("nan")}), "/values/a"),
        (lambda: ToleranceSheet((Parameter("a", low=1),)).evaluate({"a": 1.0, "b": 1.0}), "/values/b"),
    ],
)
def test_an_invalid_sheet_is_rejected(make, field: str) -> None:
    with pytest.raises(CheckSheetError) as error:
        make()
    assert error.value.field == field
