"""Single sampling plans of MIL-STD-105E: published rows and examples, and properties of the tables."""

import math

import pytest

from chromatrace.domain.errors import InvalidInput
from chromatrace.quality.sampling.plans import AQL, ONE_PER, SamplingPlan, evaluate
from chromatrace.quality.sampling.tables import AQLS, LETTERS, LEVELS, Severity, code_letter, single_plan

NORMAL, TIGHTENED, REDUCED = Severity
CODE_LETTERS = {  # Table I
    (2, "I"): "A", (8, "II"): "A", (9, "II"): "B", (15, "III"): "C", (25, "S-4"): "B", (26, "III"): "E",
    (50, "II"): "D", (90, "S-3"): "C", (150, "II"): "F", (280, "II"): "G", (281, "S-4"): "E", (500, "II"): "H",
    (501, "II"): "J", (1200, "I"): "G", (1201, "II"): "K", (3200, "S-3"): "E", (3201, "II"): "L", (10_000, "III"): "M",
    (10_001, "II"): "M", (35_000, "S-1"): "C", (35_001, "I"): "L", (150_000, "II"): "N", (150_001, "S-4"): "J",
    (500_000, "II"): "P", (500_001, "II"): "Q", (500_001, "III"): "R", (500_001, "S-1"): "D",
}  # fmt: skip


@pytest.mark.parametrize(("lot", "level"), CODE_LETTERS)
def test_code_letters(lot, level):
    assert code_letter(lot, level) == CODE_LETTERS[lot, level]


# Rejection numbers for AQL 0.65 to 15 as printed in Tables II-A and II-B; > and < are arrows down and up.
ROWS = {
    NORMAL: {
        "A": "> > > > > 1 > >", "B": "> > > > 1 < > 2", "C": "> > > 1 < > 2 3", "D": "> > 1 < > 2 3 4",
        "E": "> 1 < > 2 3 4 6", "F": "1 < > 2 3 4 6 8", "G": "< > 2 3 4 6 8 11", "H": "> 2 3 4 6 8 11 15",
        "J": "2 3 4 6 8 11 15 22", "K": "3 4 6 8 11 15 22 <", "L": "4 6 8 11 15 22 < <", "M": "6 8 11 15 22 < < <",
        "N": "8 11 15 22 < < < <", "P": "11 15 22 < < < < <", "Q": "15 22 < < < < < <",
    },
    TIGHTENED: {
        "A": "> > > > > > > >", "B": "> > > > > 1 > >", "C": "> > > > 1 > > 2", "D": "> > > 1 > > 2 3",
        "E": "> > 1 > > 2 3 4", "F": "> 1 > > 2 3 4 6", "G": "1 > > 2 3 4 6 9", "H": "> > 2 3 4 6 9 13",
        "J": "> 2 3 4 6 9 13 19", "K": "2 3 4 6 9 13 19 <", "L": "3 4 6 9 13 19 < <",
    },
}  # fmt: skip


@pytest.mark.parametrize("severity", ROWS)
def test_the_printed_rows(severity):
    for letter, row in ROWS[severity].items():
        for aql, cell in zip(AQLS[9:17], row.split(), strict=True):
            plan = single_plan(letter, aql, severity)
            if cell.isdigit():
                assert (plan.letter, plan.accept, plan.reject) == (letter, int(cell) - 1, int(cell))
            elif letter not in "A":
                assert (plan.letter > letter) is (cell == ">"), (letter, aql)


@pytest.mark.parametrize(
    ("lot", "level", "aql", "severity", "expected"),
    [
        # Montgomery, Introduction to Statistical Quality Control, section 15.4: N = 2,000, AQL 0.65 %
        (2000, "II", 0.65, NORMAL, ("K", 125, 2, 3)),
        (2000, "II", 0.65, TIGHTENED, ("K", 125, 1, 2)),
        (2000, "II", 0.65, REDUCED, ("K", 50, 1, 3)),
        # Lawson, AQLSchemes (2020): lots of 3,201 to 10,000, AQL 1.5 %
        (5000, "II", 1.5, NORMAL, ("L", 200, 7, 8)),
        (5000, "II", 1.5, TIGHTENED, ("L", 200, 5, 6)),
        # an arrow changes the sample size
        (500, "II", 1.0, TIGHTENED, ("J", 80, 1, 2)),
        (100, "II", 1.0, NORMAL, ("E", 13, 0, 1)),
        (200, "II", 1.0, NORMAL, ("H", 50, 1, 2)),
        (600_000, "III", 0.025, TIGHTENED, ("S", 3150, 1, 2)),
        (600_000, "III", 0.015, NORMAL, ("P", 800, 0, 1)),
        (2, "I", 10.0, TIGHTENED, ("D", 2, 1, 2)),
    ],
)
def test_worked_examples(lot, level, aql, severity, expected):
    plan = SamplingPlan("p", "final", AQL, level=level, aql=aql).for_lot(lot, severity)
    assert (plan.letter, plan.sample, plan.accept, plan.reject) == expected


def test_normal_inspection_accepts_most_lots_at_the_aql():
    """At the AQL, each plan accepts at least 87 % of the lots."""
    for letter in LETTERS[:16]:
        for aql in AQLS[:16]:
            plan, share = single_plan(letter, aql, NORMAL), aql / 100
            if plan.letter == letter:
                terms = (
                    math.comb(plan.sample, count) * share**count * (1 - share) ** (plan.sample - count)
                    for count in range(plan.accept + 1)
                )
                assert sum(terms) >= 0.87, (letter, aql)


def test_tightened_inspection_is_never_easier():
    for letter in LETTERS[:16]:
        for aql in AQLS:
            normal, tightened = (single_plan(letter, aql, severity) for severity in (NORMAL, TIGHTENED))
            assert (
                (tightened.accept / tightened.sample) <= (normal.accept / normal.sample)
                or tightened.accept == 0
                or (tightened.sample > normal.sample)
            )
            assert single_plan(letter, aql, REDUCED).sample <= normal.sample


@pytest.mark.parametrize(("lot", "sample"), [(1, 1), (100, 1), (101, 2), (250, 3)])
def test_one_per_hundred(lot, sample):
    plan = SamplingPlan("p", "first", ONE_PER, one_per=100).for_lot(lot)
    assert (plan.sample, plan.accept, plan.reject) == (sample, 0, 1)


def test_a_sample_is_at_most_the_lot():
    plan = SamplingPlan("p", "final", AQL, level="II", aql=0.065)
    assert plan.for_lot(150).sample == 150
    assert plan.for_lot(1).sample == 1


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: code_letter(1, "II"), "lot"),
        (lambda: code_letter(10, "IV"), "level"),
        (lambda: single_plan("K", 0.66, NORMAL), "aql"),
        (lambda: SamplingPlan("p", "final", AQL).for_lot(0), "lot"),
        (lambda: evaluate(single_plan("K", 0.65, NORMAL), 124, 0), "sample"),
        (lambda: evaluate(single_plan("K", 0.65, NORMAL), 125, 126), "nonconforming"),
    ],
    ids=["lot", "level", "aql", "empty", "sample", "defects"],
)
def test_errors_name_the_value(call, field):
    with pytest.raises(InvalidInput) as caught:
        call()
    assert caught.value.field == field


def test_the_result_of_a_lot():
    plan = single_plan("K", 0.65, NORMAL)
    assert evaluate(plan, 125, 2)
    assert not evaluate(plan, 125, 3)
    assert evaluate(single_plan("K", 0.65, REDUCED), 50, 2)
    assert not evaluate(single_plan("K", 0.65, REDUCED), 50, 3)


def test_every_level_has_a_letter_for_every_lot():
    for level in LEVELS:
        letters = [code_letter(lot, level) for lot in (2, 9, 16, 26, 51, 91, 151, 281, 501, 1201, 3201, 10**6)]
        assert letters == sorted(letters)
